#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regmig_fuzz::logs::container_log(data));
