#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regmig_fuzz::journals::records(data));
