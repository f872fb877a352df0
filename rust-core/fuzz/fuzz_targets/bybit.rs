#![no_main]

openoutcry_fuzz::fuzz_session!(openoutcry_fuzz::drive::Target::BYBIT);
