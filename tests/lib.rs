//! Whole-program tests of regmig: shared helpers.
