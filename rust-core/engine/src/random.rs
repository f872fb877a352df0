//! Seeded random numbers: the same seed gives the same numbers, on every machine and in every release.
//!
//! Only integer and IEEE 754 basic arithmetic is used: `ln` or `cos` may differ in the last bit between
//! machines, and one bit is enough to lead two runs apart. Other distributions are drawn from [`Quantiles`].

/// xoshiro256++, seeded by `SplitMix64` as its authors advise.
///
/// Source: Blackman and Vigna, Scrambled Linear Pseudorandom Number Generators (2021). Not for secrets.
///
/// ```
/// use openoutcry_engine::random::Random;
/// let (mut first, mut again) = (Random::new(7), Random::new(7));
/// assert_eq!(first.next_u64(), again.next_u64());
/// assert!(first.below(6) < 6);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// A generator with its own sequence for each seed.
    pub fn new(seed: u64) -> Self {
        let mut mixer = seed;
        Self {
            state: std::array::from_fn(|_| split_mix_64(&mut mixer)),
        }
    }

    /// The next 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let state = &mut self.state;
        let result = state[0]
            .wrapping_add(state[3])
            .rotate_left(23)
            .wrapping_add(state[0]);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        result
    }

    /// Uniform in `[0, 1)`, a multiple of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.next_u64() >> 11) as f64 * SCALE
    }

    /// Uniform in `[0, bound)`, and zero for a bound of zero. Its bias is below `bound` / 2^64.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// True with the given probability.
    #[inline]
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

/// A distribution given by its quantiles, with straight lines between them.
#[derive(Debug, Clone, Copy)]
pub struct Quantiles(
    /// (probability, value), both ascending, from probability 0 to probability 1.
    pub &'static [(f64, f64)],
);

impl Quantiles {
    /// One value.
    #[inline]
    pub fn draw(self, random: &mut Random) -> f64 {
        let probability = random.unit();
        let above = self
            .0
            .partition_point(|(reached, _)| *reached <= probability);
        let (Some(low), Some(high)) = (self.0.get(above.wrapping_sub(1)), self.0.get(above)) else {
            return self.0.last().map_or(0.0, |(_, value)| *value);
        };
        low.1 + (high.1 - low.1) * (probability - low.0) / (high.0 - low.0)
    }

    /// One value, rounded down.
    #[inline]
    pub fn draw_whole(self, random: &mut Random) -> i64 {
        self.draw(random) as i64
    }
}

fn split_mix_64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_64_gives_its_published_numbers() {
        let mut state = 1_234_567;
        let numbers: Vec<u64> = (0..3).map(|_| split_mix_64(&mut state)).collect();
        let published = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(numbers, published);
    }

    #[test]
    fn xoshiro256_plus_plus_gives_its_published_numbers() {
        let mut random = Random {
            state: [1, 2, 3, 4],
        };
        let numbers: Vec<u64> = (0..4).map(|_| random.next_u64()).collect();
        assert_eq!(
            numbers,
            [
                41_943_041,
                58_720_359,
                3_588_806_011_781_223,
                3_591_011_842_654_386
            ]
        );
    }

    #[test]
    fn numbers_fill_their_range_evenly() {
        let mut random = Random::new(1);
        let mut counts = [0_u32; 10];
        let mut sum = 0.0;
        for _ in 0..100_000 {
            counts[random.below(10) as usize] += 1;
            sum += random.unit();
        }
        assert!(
            counts.iter().all(|count| (9_500..10_500).contains(count)),
            "{counts:?}"
        );
        assert!((sum / 100_000.0 - 0.5).abs() < 0.01, "{sum}");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn seeds_have_sequences_of_their_own() {
        let draws = |seed| {
            let mut random = Random::new(seed);
            (0..8).map(|_| random.next_u64()).collect::<Vec<_>>()
        };
        assert_eq!(draws(5), draws(5));
        assert_ne!(draws(0), draws(1));
    }

    #[test]
    fn quantiles_are_hit() {
        const SIZES: Quantiles = Quantiles(&[(0.0, 10.0), (0.5, 20.0), (1.0, 100.0)]);
        let mut random = Random::new(3);
        let draws: Vec<f64> = (0..10_000).map(|_| SIZES.draw(&mut random)).collect();
        assert!(draws.iter().all(|size| (10.0..100.0).contains(size)));
        let below_median = draws.iter().filter(|size| **size < 20.0).count();
        assert!((4_800..5_200).contains(&below_median), "{below_median}");
    }
}
