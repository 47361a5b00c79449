//! Speed of each network of the shipped model, in our own code and in Burn, on
//! as many threads as `RAYON_NUM_THREADS` says.

#![allow(missing_docs, reason = "what Criterion's macro makes has none")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lic_codec::Area;
use lic_models::prior::{IntShape, parse};
use lic_models::standard::{LATENT_STRIDE, Noise, StandardConfig};
use lic_models::{CpuNetworks, Device, Isa, MODELS, Networks, Precision, Steps};

/// Sizes of the latents: of pictures of 768x512 and 2048x1024.
const SIZES: [[usize; 2]; 2] = [[32, 48], [64, 128]];

fn noise(count: usize, scale: f32) -> Vec<f32> {
    let mut noise = Noise::new(1);
    let mut next = || (noise.next_u64() >> 40) as f32 / (1 << 24) as f32 - 0.5;
    (0..count).map(|_| scale * next()).collect()
}

/// Residuals as they come: small, most of them zero.
fn symbols(count: usize) -> Vec<i32> {
    let values = noise(count, 1.0);
    values.iter().map(|v| (40.0 * v * v * v) as i32).collect()
}

/// Floating-point (or integer) operations of a network, so that Criterion's Gelem/s
/// are GFLOP/s. Nominal: where our own code leaves out what is not needed, it shows
/// as speed.
fn operations(config: &StandardConfig, network: &str, [h, w]: [usize; 2]) -> Throughput {
    let (encoder, _, _) = config.macs();
    let macs = match network {
        "g_a" => config.analysis.macs(),
        "g_s" => config.synthesis.macs(),
        "h_a" => encoder - config.analysis.macs(),
        "means" => config.mean.macs(&config.groups),
        _ => config.shape.macs(&config.groups),
    };
    let pixels = (LATENT_STRIDE * LATENT_STRIDE * h * w) as f64;
    Throughput::Elements((2.0 * macs * pixels) as u64)
}

fn cpu(c: &mut Criterion) {
    let model = MODELS[0].weights.thaw(&Device::flex()).expect("embedded");
    let config = MODELS[0].config().expect("embedded");
    let steps = Steps::of(
        &model,
        MODELS[0].weights.digest(),
        MODELS[0].steps.unwrap_or_default(),
    );
    let with = |precision| CpuNetworks::with(&model, Isa::best(), [precision; 2], steps.as_ref());
    let networks = with(Precision::Single).expect("weights in memory");
    let bf16 = with(Precision::Bf16).expect("weights in memory");
    let bytes = with(Precision::Bytes).expect("weights in memory");
    for [h, w] in SIZES {
        let size = format!("{}x{}", LATENT_STRIDE * w, LATENT_STRIDE * h);
        let mut group = c.benchmark_group("cpu");
        let keep = Area::of(w as u32, h as u32);
        let m = config.groups.channels();
        let (x, y) = (noise(768 * h * w, 1.0), noise(m * h * w, 2.0));
        let z: Vec<f32> = noise(config.mean.z * h * w / 16, 10.0);
        let z: Vec<f32> = z.iter().map(|z| z.round()).collect();
        group.throughput(operations(&config, "g_a", [h, w]));
        group.bench_function(BenchmarkId::new("g_a", &size), |b| {
            b.iter(|| networks.g_a(black_box(&x), h, w, keep))
        });
        group.throughput(operations(&config, "g_s", [h, w]));
        group.bench_function(BenchmarkId::new("g_s", &size), |b| {
            b.iter(|| networks.g_s(black_box(y.clone()), h, w, keep))
        });
        for (name, networks) in [("bf16", &bf16), ("bytes", &bytes)] {
            group.throughput(operations(&config, "g_a", [h, w]));
            group.bench_function(BenchmarkId::new(format!("g_a {name}"), &size), |b| {
                b.iter(|| networks.g_a(black_box(&x), h, w, keep))
            });
            group.throughput(operations(&config, "g_s", [h, w]));
            group.bench_function(BenchmarkId::new(format!("g_s {name}"), &size), |b| {
                b.iter(|| networks.g_s(black_box(y.clone()), h, w, keep))
            });
        }
        for (name, networks) in [("", &networks), (" bf16", &bf16)] {
            group.throughput(operations(&config, "h_a", [h, w]));
            group.bench_function(BenchmarkId::new(format!("h_a{name}"), &size), |b| {
                b.iter(|| networks.h_a(black_box(&y), h, w, 50.0))
            });
            group.throughput(operations(&config, "means", [h, w]));
            group.bench_function(BenchmarkId::new(format!("means{name}"), &size), |b| {
                b.iter(|| all_means(networks, &config, &z, [h, w]))
            });
        }
        group.finish();
    }
}

/// Every step of the means but the last update, which nobody reads.
fn all_means(networks: &CpuNetworks, config: &StandardConfig, z: &[f32], [h, w]: [usize; 2]) {
    let mut means = networks.means(z, h, w, 50.0).expect("sizes fit");
    let steps = config.groups.init().steps().len();
    for step in 0..steps {
        let mean = means.head(step).expect("a step");
        if step + 1 < steps {
            means.update(step, black_box(&mean)).expect("sizes fit");
        }
    }
}

fn shapes(c: &mut Criterion) {
    let config = MODELS[0].config().expect("embedded");
    let integer = MODELS[0].weights.integer;
    let (weights, _) = parse(integer, &config.shape, &config.groups).expect("embedded");
    let shape = IntShape::new(&weights, &config.groups);
    let steps = config.groups.init();
    for [h, w] in SIZES {
        let mut group = c.benchmark_group("integers");
        let z = symbols(config.shape.z * h * w / 16);
        let r = symbols(config.groups.channels() * h * w);
        let size = format!("{}x{}", LATENT_STRIDE * w, LATENT_STRIDE * h);
        group.throughput(operations(&config, "shapes", [h, w]));
        group.bench_function(BenchmarkId::new("shapes", &size), |b| {
            b.iter(|| {
                let mut stream = shape.start(&z, h, w, 50);
                for (i, step) in steps.steps().iter().enumerate() {
                    let indices = shape.indices(&stream, i);
                    let count = black_box(indices).len();
                    if i + 1 < steps.steps().len() {
                        shape.update(&mut stream, i, &r[step.first * h * w..][..count]);
                    }
                }
            })
        });
        group.finish();
    }
}

fn burn(c: &mut Criterion) {
    use burn::tensor::{Tensor, TensorData};
    let device = Device::flex();
    let model = MODELS[0].weights.thaw(&device).expect("embedded");
    let config = MODELS[0].config().expect("embedded");
    let steps: Vec<usize> = config
        .groups
        .init()
        .steps()
        .iter()
        .map(|s| s.group)
        .collect();
    for [h, w] in SIZES {
        let mut group = c.benchmark_group("burn");
        let size = format!("{}x{}", LATENT_STRIDE * w, LATENT_STRIDE * h);
        let tensor = |channels: usize, h: usize, w: usize, scale: f32| {
            let data = TensorData::new(noise(channels * h * w, scale), [1, channels, h, w]);
            Tensor::<4>::from_data(data, &device)
        };
        let (x, y) = (tensor(3, 16 * h, 16 * w, 1.0), tensor(320, h, w, 2.0));
        group.throughput(operations(&config, "g_a", [h, w]));
        group.bench_function(BenchmarkId::new("g_a", &size), |b| {
            b.iter(|| model.g_a.forward(x.clone()).into_data())
        });
        group.throughput(operations(&config, "g_s", [h, w]));
        group.bench_function(BenchmarkId::new("g_s", &size), |b| {
            b.iter(|| model.g_s.forward(y.clone()).into_data())
        });
        let plane = tensor(1, h, w, 1.0);
        group.throughput(operations(&config, "h_a", [h, w]));
        group.bench_function(BenchmarkId::new("h_a", &size), |b| {
            b.iter(|| model.h_a.forward(y.clone(), plane.clone()).into_data())
        });
        let (z, plane) = (tensor(64, h / 4, w / 4, 10.0), tensor(1, h / 4, w / 4, 1.0));
        group.throughput(operations(&config, "means", [h, w]));
        group.bench_function(BenchmarkId::new("means", &size), |b| {
            b.iter(|| {
                let mut stream = model.mean.start(z.clone(), plane.clone());
                for (i, group) in steps.iter().enumerate() {
                    let mean = model.mean.head(&stream, i);
                    if i + 1 < steps.len() {
                        stream = model.mean.update(stream, *group, mean);
                    }
                }
                stream.into_data()
            })
        });
        group.finish();
    }
}

criterion_group!(benches, cpu, shapes, burn);
criterion_main!(benches);
