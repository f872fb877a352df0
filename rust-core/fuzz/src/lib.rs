//! Fuzz targets of the wire decoders and of the books behind them; `drive` is also run by the engine's tests.
#![forbid(unsafe_code)]

pub mod drive;

/// A fuzz target of lines of text: half of the mutations are libFuzzer's, half know what a session is.
#[macro_export]
macro_rules! fuzz_lines {
    ($drive:expr) => {
        libfuzzer_sys::fuzz_target!(|session: &[u8]| {
            $drive(session);
        });

        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            if seed % 2 == 0 {
                return libfuzzer_sys::fuzzer_mutate(data, size, max_size);
            }
            let mutated = $crate::drive::mutate(&data[..size], u64::from(seed));
            let length = mutated.len().min(max_size).min(data.len());
            data[..length].copy_from_slice(&mutated[..length]);
            length
        });
    };
}

/// A fuzz target that drives one feed.
#[macro_export]
macro_rules! fuzz_session {
    ($target:expr) => {
        $crate::fuzz_lines!(|session| $crate::drive::run($target, session));
    };
}
