#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| regmig_fuzz::answers::rsync(data));
