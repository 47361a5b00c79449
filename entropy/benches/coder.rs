//! Msymbol/s of both coders, one thread: symbols drawn from the 64 Gaussian
//! tables in mixed order, as many of each.

// criterion_group makes a public function without documentation.
#![allow(missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use lic_entropy::{Coder, Decoder, Encoder, Mixtures, SCALES, Tables, gaussian};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// About what a picture of 1.5 MP has.
const SYMBOLS: usize = 1 << 20;

/// Indices in mixed order and a symbol from each table.
fn draw(tables: &Tables) -> (Vec<u16>, Vec<i32>) {
    let mut random = StdRng::seed_from_u64(1);
    (0..SYMBOLS)
        .map(|_| {
            let index = random.random_range(0..SCALES as u16);
            (
                index,
                sample(tables, index, random.random_range(0..1 << 16)),
            )
        })
        .unzip()
}

/// The symbol whose share of the masses holds `quantile`.
fn sample(tables: &Tables, index: u16, quantile: u32) -> i32 {
    let mut before = 0;
    let symbols = tables.symbols(index).expect("there is such a table");
    for symbol in symbols.clone() {
        before += tables.mass(index, symbol).unwrap_or(0);
        if quantile < before {
            return symbol;
        }
    }
    symbols.end() + 1
}

fn coder(criterion: &mut Criterion) {
    let tables = gaussian();
    let (indices, symbols) = draw(tables);
    let bits = tables
        .total_bits(&indices, &symbols)
        .expect("all indices are valid");
    for coder in Coder::ALL {
        let write = || {
            let mut encoder = Encoder::new(coder);
            encoder
                .encode(tables, &indices, &symbols)
                .expect("all indices are valid");
            encoder.finish()
        };
        let bytes = write();
        let beyond = bytes.len() as f64 - bits / 8.0;
        println!(
            "{coder:?}: {} bytes, {beyond:.1} beyond the information",
            bytes.len()
        );

        let mut group = criterion.benchmark_group(format!("{coder:?}"));
        group.throughput(Throughput::Elements(SYMBOLS as u64));
        group.bench_function("encode", |bencher| bencher.iter(write));
        group.bench_function("decode", |bencher| {
            let read = |mut out: Vec<i32>| {
                let mut decoder = Decoder::new(coder, &bytes).expect("the stream is whole");
                decoder
                    .decode(tables, &indices, &mut out)
                    .expect("the stream is whole");
                decoder.finish().expect("the stream is whole");
                out
            };
            bencher.iter_batched(|| Vec::with_capacity(SYMBOLS), read, BatchSize::LargeInput);
        });
        group.finish();
    }
}

/// Mixtures of 2 and 3 components, alone and in pairs, of scales that are not plain; the
/// symbols are those of the scales' tables.
fn mixtures(criterion: &mut Criterion) {
    let mut random = StdRng::seed_from_u64(2);
    let scales: Vec<u8> = (0..SYMBOLS).map(|_| random.random_range(3..40)).collect();
    let symbols: Vec<i32> = scales
        .iter()
        .map(|&scale| sample(gaussian(), scale.into(), random.random_range(0..1 << 16)))
        .collect();
    let mut group = criterion.benchmark_group("mixtures");
    group.throughput(Throughput::Elements(SYMBOLS as u64));
    for (components, paired) in [(3, false), (2, true), (3, true)] {
        let units = SYMBOLS / if paired { 2 } else { 1 };
        let parameters = (0..units * components * Mixtures::fields(paired))
            .map(|_| random.random_range(28..37))
            .collect();
        let mixtures = Mixtures::new(components, paired, 3, scales.clone(), parameters)
            .expect("all parameters are valid");
        let write = || {
            let mut encoder = Encoder::new(Coder::Ans);
            encoder
                .encode_mixtures(&mixtures, &symbols)
                .expect("as many as there are distributions");
            encoder.finish()
        };
        let bytes = write();
        let name = format!("{}{components}", if paired { "pairs of " } else { "" });
        group.bench_function(format!("encode {name}"), |bencher| bencher.iter(write));
        group.bench_function(format!("decode {name}"), |bencher| {
            let read = |mut out: Vec<i32>| {
                let mut decoder = Decoder::new(Coder::Ans, &bytes).expect("the stream is whole");
                decoder
                    .decode_mixtures(&mixtures, &mut out)
                    .expect("the stream is whole");
                out
            };
            let space = || Vec::with_capacity(SYMBOLS);
            bencher.iter_batched(space, read, BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group!(benches, coder, mixtures);
criterion_main!(benches);
