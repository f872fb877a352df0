#![no_main]

libfuzzer_sys::fuzz_target!(|events: &[u8]| openoutcry_fuzz::drive::orders::events(events));
