#![no_main]

libfuzzer_sys::fuzz_target!(|messages: &[u8]| openoutcry_fuzz::drive::orders::itch(messages));
