//! The walk through a plane that encoder and decoder both run, so that they cannot
//! drift: where a bit is coded, the encoder passes the right one and the decoder
//! any, and both go on with the one that comes back.

use super::guess::Guess;
use super::window::{Errors, Neighbours, Window};
use super::{Depth, PlaneError};
use crate::chance::{BitCoder, Chance, HALF};

/// Patterns of eight neighbours of three classes.
const PATTERNS: usize = 3usize.pow(8);

/// Bit lengths of an [energy](Guess::energy): 0 to 19.
const LEVELS: usize = 20;

/// Bit lengths of an error, less one: 0 to 15.
const LENGTHS: usize = 16;

/// Bits of the number of a neighbourhood. With 14, pages of small letters take a
/// sixth more.
const HASH_BITS: u32 = 16;

/// Lengths of a run of what comes back, 1 to 15.
const RUNS: usize = 16;

/// What a sample can be; the numbers are the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// 0.
    Lowest = 0,
    /// Neither of the others.
    Between = 1,
    /// The largest.
    Highest = 2,
}

impl Class {
    /// The other two, the lower first.
    fn others(self) -> [Self; 2] {
        match self {
            Self::Lowest => [Self::Between, Self::Highest],
            Self::Between => [Self::Lowest, Self::Highest],
            Self::Highest => [Self::Lowest, Self::Between],
        }
    }
}

/// What came after a neighbourhood when it was last seen, as the difference to the
/// sample on the left: letters and slopes repeat.
#[derive(Debug, Clone, Copy, Default)]
struct Habit {
    step: i32,
    /// How often it came, less where it failed; 0 if the neighbourhood is new.
    run: u8,
}

/// All that is learned of a plane, and the coder of its bits.
#[derive(Debug)]
pub(super) struct Walk<C> {
    coder: C,
    max: i32,
    window: Window,
    /// Whether the latest row repeats the one above, and the chance of that.
    repeated: bool,
    repeats: [Chance; 2],
    habits: Vec<Habit>,
    broken: [[Chance; RUNS]; 6],
    /// Is a sample of another class than the one on its left? If so, of the higher
    /// of the two? By the pattern of the neighbours.
    differs: Vec<Chance>,
    higher: Vec<Chance>,
    /// Of the error of a sample between: by class and side of what is expected,
    /// and by the level of errors around.
    wrong: [[Chance; LEVELS]; 9],
    negative: [[Chance; LEVELS]; 9],
    longer: [[[Chance; LENGTHS]; LEVELS]; 3],
    /// The two bits below the first of an error, by its length.
    below: [[Chance; 4]; LENGTHS],
}

impl<C: BitCoder> Walk<C> {
    pub(super) fn new(coder: C, width: usize, depth: Depth) -> Self {
        Self {
            coder,
            max: depth.max().into(),
            window: Window::new(width),
            repeated: false,
            repeats: [Chance::EVEN; 2],
            habits: vec![Habit::default(); 1 << HASH_BITS],
            broken: [[Chance::EVEN; RUNS]; 6],
            differs: vec![Chance::EVEN; PATTERNS],
            higher: vec![Chance::EVEN; PATTERNS],
            wrong: [[Chance::EVEN; LEVELS]; 9],
            negative: [[Chance::EVEN; LEVELS]; 9],
            longer: [[[Chance::EVEN; LENGTHS]; LEVELS]; 3],
            below: [[Chance::EVEN; 4]; LENGTHS],
        }
    }

    /// The coder, after the last row.
    pub(super) fn finish(self) -> C {
        self.coder
    }

    /// Codes a row and returns it; an encoder gives it as `source`.
    pub(super) fn row(&mut self, source: Option<&[u16]>) -> Result<&[i32], PlaneError> {
        let same = source.is_some_and(|source| {
            let pairs = source.iter().zip(self.window.latest());
            pairs.into_iter().all(|(new, old)| i32::from(*new) == *old)
        });
        let chance = &mut self.repeats[usize::from(self.repeated)];
        self.repeated = chance.code(&mut self.coder, same)?;
        self.window.advance();
        if !self.repeated {
            for x in 0..self.window.latest().len() {
                let value = source.and_then(|row| row.get(x)).copied();
                let (sample, errors) = self.sample(x, value.unwrap_or(0).into())?;
                self.window.set(x, sample, errors);
            }
        }
        self.window.close();
        Ok(self.window.latest())
    }

    #[inline(always)]
    fn class(&self, sample: i32) -> Class {
        if sample == 0 {
            Class::Lowest
        } else if sample == self.max {
            Class::Highest
        } else {
            Class::Between
        }
    }

    /// A sample, by habit or anew.
    #[inline(always)]
    fn sample(&mut self, x: usize, value: i32) -> Result<(i32, Errors), PlaneError> {
        let near = self.window.neighbours(x);
        let place = place(&near);
        let Habit { step, run } = self.habits[place];
        let usual = near.w + step;
        let mut missed = None;
        if run > 0 && (0..=self.max).contains(&usual) {
            let kind = 2 * self.class(usual) as usize + usize::from(step == 0);
            let chance = &mut self.broken[kind][usize::from(run)];
            if !chance.code(&mut self.coder, value != usual)? {
                self.habits[place].run = (run + 1).min(RUNS as u8 - 1);
                let errors = match self.class(usual) {
                    Class::Between => self.guess(x, &near).errors(usual),
                    Class::Lowest | Class::Highest => Errors::default(),
                };
                return Ok((usual, errors));
            }
            missed = Some(usual);
        }
        let (sample, errors) = match self.class_of_new(&near, value, missed)? {
            Class::Lowest => (0, Errors::default()),
            Class::Highest => (self.max, Errors::default()),
            Class::Between => {
                let guess = self.guess(x, &near);
                let sample = self.between(&guess, value, missed)?;
                (sample, guess.errors(sample))
            }
        };
        // A long run survives a miss.
        if run > 3 {
            self.habits[place].run = run / 4;
        } else {
            let step = sample - near.w;
            self.habits[place] = Habit { step, run: 1 };
        }
        Ok((sample, errors))
    }

    fn guess(&self, x: usize, near: &Neighbours) -> Guess {
        Guess::new(&self.window, x, near, self.max)
    }

    fn class_of_new(
        &mut self,
        near: &Neighbours,
        value: i32,
        missed: Option<i32>,
    ) -> Result<Class, PlaneError> {
        let neighbours = near.all();
        let pattern = neighbours.iter().fold(0, |pattern, sample| {
            3 * pattern + self.class(*sample) as usize
        });
        let (left, class) = (self.class(near.w), self.class(value));
        // Where the habit was to go on with the same extreme, the class differs.
        let surely = missed == Some(near.w) && left != Class::Between;
        if !surely && !self.differs[pattern].code(&mut self.coder, class != left)? {
            return Ok(left);
        }
        let [lower, higher] = left.others();
        let up = self.higher[pattern].code(&mut self.coder, class == higher)?;
        Ok(if up { higher } else { lower })
    }

    /// A sample that is neither 0 nor the largest.
    fn between(
        &mut self,
        guess: &Guess,
        value: i32,
        missed: Option<i32>,
    ) -> Result<i32, PlaneError> {
        let class = self.class(guess.expected) as usize;
        let (kind, level) = (3 * class + guess.side, bit_length(guess.energy));
        let error = value - guess.expected;
        let surely = missed == Some(guess.expected);
        let wrong = &mut self.wrong[kind][level];
        let sample = if surely || wrong.code(&mut self.coder, error != 0)? {
            let negative = &mut self.negative[kind][level];
            let negative = negative.code(&mut self.coder, error < 0)?;
            let size = self.size(class, level, error.unsigned_abs())?;
            guess.expected + if negative { -size } else { size }
        } else {
            guess.expected
        };
        if (1..self.max).contains(&sample) {
            return Ok(sample);
        }
        Err(PlaneError::Sample {
            found: sample,
            max: self.max - 1,
        })
    }

    /// The size of an error, 1 or more: its length in bits, then the bits.
    fn size(&mut self, class: usize, level: usize, size: u32) -> Result<i32, PlaneError> {
        // The largest error has as many bits as the largest sample.
        let longest = bit_length(self.max as u32) - 1;
        let chances = &mut self.longer[class][level];
        let mut length = 0;
        while length < longest && chances[length].code(&mut self.coder, size >> length > 1)? {
            length += 1;
        }
        let mut decoded = 1;
        for place in (0..length).rev() {
            let bit = size >> place & 1 == 1;
            let bit = match self.below[length].get_mut(decoded) {
                Some(chance) => chance.code(&mut self.coder, bit)?,
                None => self.coder.code(HALF, bit)?,
            };
            decoded = 2 * decoded + usize::from(bit);
        }
        Ok(decoded as i32)
    }
}

/// The number of a neighbourhood; neighbourhoods that share one only cost bits.
#[inline(always)]
fn place(near: &Neighbours) -> usize {
    let Neighbours { w, n, nw, ne, .. } = *near;
    // The nearest come last.
    let others = [near.nne, near.nww, near.nee, near.nn, near.ww, ne, nw, n];
    let hash = others.iter().fold(0u32, |hash, sample| {
        let difference = (sample - w) as u32;
        hash.wrapping_add(difference).wrapping_mul(0x9e37_79b1)
    });
    (hash >> (32 - HASH_BITS)) as usize
}

fn bit_length(number: u32) -> usize {
    (32 - number.leading_zeros()) as usize
}
