#![no_main]

openoutcry_fuzz::fuzz_lines!(openoutcry_fuzz::drive::orders::lobster);
