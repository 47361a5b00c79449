//! By how much the scales of a step are off for a picture, channel by channel: said before the
//! symbols of the step (BITSTREAM.md, *Shifts of scales*).
//!
//! A hyperprior says of each position how far to expect symbols from zero (Ballé et al. 2018,
//! section 3). This says it of each channel, for all positions together, and costs next to
//! nothing.

use std::sync::LazyLock;

use lic_entropy::{Mixtures, TableSpec, Tables};

use super::{Step, SymbolCoder, WalkError, unexpected};
use crate::model::Plan;

/// The furthest shift without an escape; 2.5 times as wide, or narrow.
const FURTHEST: i32 = 8;
/// How rare shifts can be said to be: nearly half of all channels have one at 1, and of
/// level to level half as many. At 0 none has.
const LEVELS: i32 = 7;
/// Masses of ±1, ±2, and so on, in units of 2^(11 - level).
const MASSES: [u32; FURTHEST as usize] = [3, 3, 2, 2, 2, 1, 1, 1];
/// So many turns through all channels say enough of them.
const TURNS: usize = 1024;
/// What the best of several shifts is better by, in bits of what is looked at, where all are as
/// good: it must not count as many times as there are turns. By trial on Kodak, 3 is about as
/// good (models/README.md, *Shifts of scales*, says how much there is to lose).
const LUCK: f64 = 1.5;

/// Table 0 is of levels, tables 1 to 7 of shifts.
fn tables() -> &'static Tables {
    static TABLES: LazyLock<Tables> = LazyLock::new(|| {
        let mut levels = vec![4681; LEVELS as usize + 1];
        levels[0] = 1 << 15;
        let mut specs = vec![TableSpec {
            min: 0,
            freqs: [levels, vec![1]].concat(),
        }];
        for level in 1..=LEVELS {
            let shifts = MASSES.map(|mass| mass << (11 - level));
            let none = 65_535 - 2 * shifts.iter().sum::<u32>();
            let falling = shifts.iter().rev().copied();
            let freqs = falling.chain([none]).chain(shifts).chain([1]);
            specs.push(TableSpec {
                min: -FURTHEST,
                freqs: freqs.collect(),
            });
        }
        Tables::new(specs).expect("masses that add up, as a test shows")
    });
    &TABLES
}

/// The plan of a step with its shifts, which `coder` reads; or, if there are `symbols`, finds
/// and writes.
pub(super) fn code(
    plan: Plan,
    [number, section]: [usize; 2],
    symbols: Option<&[i32]>,
    coder: &mut impl SymbolCoder,
) -> Result<Plan, WalkError> {
    let mixtures = match plan {
        Plan::Mixtures(mixtures) if mixtures.channels() > 0 => mixtures,
        other => return Ok(other),
    };
    let mut table = |index: u16, values: &[i32], count: usize| {
        let plan = Plan::Tables {
            tables: tables().clone(),
            indices: vec![index; count],
        };
        let step = Step {
            number,
            section,
            plan: &plan,
            aside: true,
        };
        coder.code(&step, &mut || Ok(values.to_vec()))
    };
    let channels = mixtures.channels();
    let (level, shifts) = match symbols {
        Some(symbols) => found(&mixtures, symbols)
            .map_err(|error| WalkError::Model(unexpected(number, &error)))?,
        None => (0, Vec::new()),
    };
    let level = table(0, &[level], 1)?.first().copied().unwrap_or_default();
    if level <= 0 {
        return Ok(Plan::Mixtures(mixtures));
    }
    let shifts = table(level.min(LEVELS) as u16, &shifts, channels)?;
    // Beyond 63 there are no scales.
    let shifts = shifts.iter().map(|&shift| shift.clamp(-63, 63) as i8);
    let shifted = mixtures.shifted(shifts.collect());
    let shifted = shifted.map_err(|error| WalkError::Model(unexpected(number, &error)))?;
    Ok(Plan::Mixtures(shifted))
}

/// The level and the shifts for which `symbols` and they together take the fewest bits.
fn found(
    mixtures: &Mixtures,
    symbols: &[i32],
) -> Result<(i32, Vec<i32>), lic_entropy::EncodeError> {
    let channels = mixtures.channels();
    if symbols.iter().all(|&symbol| symbol == 0) {
        // What is left empty says nothing, and takes no bits.
        return Ok((0, Vec::new()));
    }
    let mut search = Search::new(mixtures, symbols)?;
    for next in [
        |_: i32| -2,
        |_| 2,
        |best: i32| best + 3 * best.signum(),
        |best| best - 1,
        |best| best + 1,
        |best: i32| best + 2 * best.signum(),
    ] {
        search.look(next)?;
    }
    let turns = symbols.len() / channels;
    let (seen, luck) = match turns > TURNS {
        true => (turns as f64 / TURNS as f64, LUCK),
        false => (1.0, 0.0),
    };
    let gains = search
        .bits
        .iter()
        .map(|[none, best]| seen * (none - best - luck));
    let gains: Vec<(f64, i32)> = gains.zip(search.best).collect();
    let cost = |index: i32, value: i32| tables().bits(index as u16, value).unwrap_or(64.0);
    let chosen = |level: i32| -> Vec<i32> {
        let worth = |shift: i32| cost(level, shift) - cost(level, 0);
        let one = |&(gain, shift): &(f64, i32)| if gain > worth(shift) { shift } else { 0 };
        gains.iter().map(one).collect()
    };
    let saved = |level: i32, shifts: &[i32]| {
        let each = gains.iter().zip(shifts).map(|(&(gain, _), &shift)| {
            let gain = if shift == 0 { 0.0 } else { gain };
            gain - cost(level, shift)
        });
        each.sum::<f64>() - cost(0, level) + cost(0, 0)
    };
    let all = (1..=LEVELS).map(|level| (level, chosen(level)));
    let best = all.max_by(|a, b| saved(a.0, &a.1).total_cmp(&saved(b.0, &b.1)));
    let worth_it = best.filter(|(level, shifts)| saved(*level, shifts) > 0.0);
    Ok(worth_it.unwrap_or_default())
}

/// The best shift of each channel so far.
struct Search<'a> {
    mixtures: &'a Mixtures,
    symbols: &'a [i32],
    best: Vec<i32>,
    /// Bits without one, and with the best one.
    bits: Vec<[f64; 2]>,
}

impl<'a> Search<'a> {
    fn new(mixtures: &'a Mixtures, symbols: &'a [i32]) -> Result<Self, lic_entropy::EncodeError> {
        let none = vec![0; mixtures.channels()];
        let bits = mixtures.bits_by_channel(symbols, &none, TURNS)?;
        Ok(Self {
            mixtures,
            symbols,
            best: vec![0; none.len()],
            bits: bits.into_iter().map(|bits| [bits; 2]).collect(),
        })
    }

    /// Tries another shift for each channel, `next` of the best one so far.
    fn look(&mut self, next: fn(i32) -> i32) -> Result<(), lic_entropy::EncodeError> {
        let within = |shift: i32| shift.clamp(-FURTHEST, FURTHEST);
        let tried: Vec<i8> = self.best.iter().map(|&b| within(next(b)) as i8).collect();
        let bits = self.mixtures.bits_by_channel(self.symbols, &tried, TURNS)?;
        let best = self.best.iter_mut().zip(&mut self.bits);
        for ((best, [_, least]), (tried, bits)) in best.zip(tried.iter().zip(bits)) {
            if bits < *least {
                (*best, *least) = ((*tried).into(), bits);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use lic_entropy::{Coder, PARAMETER_CENTRE};

    use super::*;
    use crate::walk::{Reader, Writer};

    /// Gaussians of two channels in pairs, of 0.94 and 9.6, and symbols that are as if of
    /// 0.47 and of 9.6.
    fn drawn(turns: usize) -> (Mixtures, Vec<i32>) {
        let scales = [18, 38].repeat(turns);
        let parameters = vec![PARAMETER_CENTRE; 6 * turns];
        let mixtures = Mixtures::new(1, true, 3, scales, parameters).unwrap();
        let mut state = 5u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f64 / f64::from(1 << 24) - 0.5
        };
        let mut normal = || (0..12).map(|_| uniform()).sum::<f64>();
        let symbols = (0..2 * turns).map(|i| (normal() * [0.47, 9.6][i % 2]).round() as i32);
        let symbols = symbols.collect();
        (mixtures.with_channels(2).unwrap(), symbols)
    }

    #[test]
    fn a_channel_that_is_quieter_is_found() {
        for turns in [200, 3000] {
            let (mixtures, symbols) = drawn(turns);
            let (level, shifts) = found(&mixtures, &symbols).unwrap();
            assert!(level > 0);
            // Half as wide is six indices less.
            assert!((-8..=-4).contains(&shifts[0]), "{shifts:?}");
            assert!(shifts[1].abs() <= 1, "{shifts:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_and_is_shorter() {
        let (mixtures, symbols) = drawn(500);
        for coder in Coder::ALL {
            let step = [4, 0];
            let mut writer = Writer::new(coder);
            let plan = Plan::Mixtures(mixtures.clone());
            let plan = code(plan, step, Some(&symbols), &mut writer).unwrap();
            let Plan::Mixtures(written) = &plan else {
                panic!("it was of mixtures")
            };
            assert_ne!(*written, mixtures);
            let [number, section] = step;
            let of = Step {
                number,
                section,
                plan: &plan,
                aside: false,
            };
            writer.code(&of, &mut || Ok(symbols.clone())).unwrap();
            let (streams, counter) = writer.finish();
            assert!(counter.bits() < mixtures.total_bits(&symbols).unwrap());
            let mut reader = Reader::new(coder, streams);
            let read = code(Plan::Mixtures(mixtures.clone()), step, None, &mut reader).unwrap();
            assert!(matches!(&read, Plan::Mixtures(read) if read == written));
            let of = Step { plan: &read, ..of };
            let decoded = reader.code(&of, &mut || unreachable!()).unwrap();
            assert_eq!(decoded, symbols);
            reader.finish().unwrap();
        }
    }

    /// BITSTREAM.md, *Shifts of scales*.
    #[test]
    fn masses_are_those_of_the_document() {
        let mass = |table: i32, v: i32| tables().mass(table as u16, v).unwrap();
        assert_eq!(mass(0, 0), 32_768);
        assert!((1..=7).all(|level| mass(0, level) == 4681));
        for level in 1..=7 {
            let unit = 1 << (11 - level);
            let expected = [3, 3, 2, 2, 2, 1, 1, 1].map(|u| u * unit);
            let all: Vec<u32> = (1..=8).map(|v| mass(level, v)).collect();
            let below: Vec<u32> = (1..=8).map(|v| mass(level, -v)).collect();
            assert_eq!((&all[..], &below), (&expected[..], &all));
            assert_eq!(mass(level, 0), 65_535 - 2 * expected.iter().sum::<u32>());
        }
    }

    #[test]
    fn zeros_say_nothing() {
        let (mixtures, symbols) = drawn(100);
        let nothing = found(&mixtures, &vec![0; symbols.len()]).unwrap();
        assert_eq!(nothing, (0, Vec::new()));
    }
}
