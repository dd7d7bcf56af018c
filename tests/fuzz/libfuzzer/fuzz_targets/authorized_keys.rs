#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regmig_fuzz::edits::authorized_keys(data));
