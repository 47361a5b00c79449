//! A random generator whose numbers are part of a training run's definition.

/// SplitMix64 (Steele, Lea, Flood, *Fast splittable pseudorandom number
/// generators*, OOPSLA 2014), written out because a run must resume to the same
/// crops under any later version of a crate: `rand` does not promise that of
/// its `StdRng`.
pub(crate) struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The stream that belongs to one crop: a hash of the three numbers, so no
    /// state lives between crops.
    pub(crate) fn of_crop(seed: u64, step: u64, index: u64) -> Self {
        let mut state = 0;
        for word in [seed, step, index] {
            state = mix((state ^ word).wrapping_add(Self::GAMMA));
        }
        Self { state }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(Self::GAMMA);
        mix(self.state)
    }

    /// Uniform over `0..bound`; 0 when `bound` is 0. The multiply-and-shift is
    /// uneven by at most `bound / 2^64`, which no training run can notice.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// True with probability 1/2.
    pub(crate) fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }
}

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_numbers_are_the_published_ones() {
        // The sequence of the reference implementation from state 1234567.
        let mut random = SplitMix64 { state: 1_234_567 };
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn streams_differ_in_every_word() {
        let first = |seed, step, index| SplitMix64::of_crop(seed, step, index).next();
        let all = [
            first(0, 0, 0),
            first(1, 0, 0),
            first(0, 1, 0),
            first(0, 0, 1),
            first(1, 1, 0),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }

    #[test]
    fn below_stays_below_and_reaches_all() {
        let mut random = SplitMix64::of_crop(3, 1, 4);
        let mut seen = [0u32; 5];
        for _ in 0..5000 {
            seen[random.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| (850..1150).contains(&n)), "{seen:?}");
        assert_eq!(random.below(0), 0);
    }
}
