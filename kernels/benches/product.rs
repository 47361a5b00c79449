//! Speed of the products that the shipped model is made of, on one core.

#![allow(missing_docs, reason = "what Criterion's macro makes has none")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lic_kernels::{Finish, Isa, Matrix, Rows};

/// Positions of a tile.
const COUNT: usize = 48;

fn products(c: &mut Criterion) {
    let shapes = [
        ("reduce", 128, 48),
        ("spatial", 9 * 48, 48),
        ("expand", 48, 128),
        ("gate", 128, 512),
        ("merge", 256, 128),
        ("down", 512, 320),
    ];
    for isa in Isa::all() {
        let mut group = c.benchmark_group(format!("{isa:?}"));
        for (name, inputs, outputs) in shapes {
            let data = vec![0.5; COUNT * inputs];
            let weight = |o: usize, i: usize| (o * 7 + i) as f32 * 1e-4;
            let (matrix, finish) = if name == "gate" {
                let gate = Matrix::gate(outputs / 2, inputs, &[], weight);
                (gate, Finish::Gate)
            } else {
                (Matrix::new(outputs, inputs, &[], weight), Finish::Store)
            };
            let mut out = vec![0.0; COUNT * matrix.outputs()];
            let rows = Rows::dense(&data, inputs);
            // An element is a floating-point operation.
            group.throughput(Throughput::Elements((2 * COUNT * inputs * outputs) as u64));
            group.bench_function(BenchmarkId::from_parameter(name), |b| {
                b.iter(|| matrix.multiply(isa, rows, finish, &mut out, matrix.outputs()))
            });
        }
        group.finish();
    }
}

criterion_group!(benches, products);
criterion_main!(benches);
