use std::hint::black_box;
use std::time::{Duration, Instant};

use lic_kernels::{Bf16, Finish, IntFinish, IntMatrix, Isa, Matrix, Number, QUAD, Rows};

use super::Numbers;

/// What one core of this machine can do: the floors of a profile follow from it.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    single: f64,
    bf16: f64,
    bytes: f64,
    /// Bytes a second, read and written, by a copy within the second-level cache.
    pub copy: f64,
}

impl Rates {
    /// Multiply-accumulates a second.
    pub fn macs(&self, numbers: Numbers) -> f64 {
        match numbers {
            Numbers::Single => self.single,
            Numbers::Bf16 => self.bf16,
            Numbers::Bytes => self.bytes,
        }
    }
}

/// Rows and inputs of the products: with 32 outputs the operands of all kinds fill no
/// more than three quarters of a first-level cache of 32 KiB, and the rows are a
/// multiple of what every instruction set takes at once.
const ROWS: usize = 12;
const INPUTS: usize = 128;
const OUTPUTS: usize = 32;
/// Half of a second-level cache of 1 MiB, there and back.
const COPIED: usize = 256 << 10;
/// Time that a run takes, about, and how many there are: the best counts.
const RUN: Duration = Duration::from_millis(20);
const RUNS: usize = 5;

/// Measures the rates in about half a second: those of the fastest products of our own
/// code, all of whose operands lie in the first-level cache.
pub fn rates() -> Rates {
    let isa = Isa::best();
    let macs = (ROWS * INPUTS * OUTPUTS) as f64;
    let weights = IntMatrix::new(OUTPUTS, INPUTS, &[], |o, i| ((o + i) % 7) as i8);
    let data = vec![3u8; ROWS * INPUTS.next_multiple_of(QUAD)];
    let mut sums = vec![0; ROWS * OUTPUTS];
    let bytes = per_second(|| {
        let rows = Rows::dense(black_box(&data), INPUTS);
        weights.multiply(isa, rows, IntFinish::Store, black_box(&mut sums), OUTPUTS);
    });
    let from = vec![1u8; COPIED];
    let mut to = vec![0u8; COPIED];
    let copy = per_second(|| black_box(&mut to).copy_from_slice(black_box(&from)));
    Rates {
        single: product::<f32>(isa),
        bf16: product::<Bf16>(isa),
        bytes: macs * bytes,
        copy: (2 * COPIED) as f64 * copy,
    }
}

fn product<T: Number>(isa: Isa) -> f64 {
    let matrix = Matrix::<T>::new(OUTPUTS, INPUTS, &[], |o, i| ((o + i) % 7) as f32);
    let data = vec![T::from_f32(0.5); ROWS * INPUTS];
    let mut sums = vec![0.0f32; ROWS * OUTPUTS];
    let products = per_second(|| {
        let rows = Rows::dense(black_box(&data), INPUTS);
        matrix.multiply(isa, rows, Finish::Store, black_box(&mut sums), OUTPUTS);
    });
    products * (ROWS * INPUTS * OUTPUTS) as f64
}

/// How often a second something can be done.
fn per_second(mut job: impl FnMut()) -> f64 {
    let mut timed = |count: u32| {
        let began = Instant::now();
        (0..count).for_each(|_| job());
        began.elapsed().as_secs_f64()
    };
    let mut count = 1;
    while timed(count) < RUN.as_secs_f64() && count < 1 << 30 {
        count *= 2;
    }
    let least = (0..RUNS)
        .map(|_| timed(count))
        .fold(f64::INFINITY, f64::min);
    f64::from(count) / least
}
