//! Shape networks go on learning from symbols that stay.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use burn::grad_clipping::GradientClippingConfig;
use burn::lr_scheduler::LrSchedulerConfig;
use burn::lr_scheduler::module_lr_scheduler::ModuleLrSchedulerConfig;
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor, TensorData};
use lic_datasets::{CropSampler, ImageFolder, fixed_crops};
use lic_models::prior::{Groups, GroupsConfig, Shape, lambda, parity_mask};
use lic_models::standard::{Noise, StandardConfig};
use lic_models::{Backend, MODELS, Zoo, freeze};

use super::residuals::{Batch, Crop, SIDE, SIZE};
use super::{Plan, kinds};

const QUALITIES: [u8; 5] = [10, 30, 50, 70, 90];
const BATCH: usize = 8;
const RATE: f64 = 1.5e-3;
/// Crops held aside.
const HELD: usize = 48;

pub fn run(plan: &Plan) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(&plan.out)?;
    let row = &MODELS[0];
    let config = row.config()?;
    let (train, held) = code(plan, &config.groups)?;
    println!("{} crops to learn from, {HELD} held aside", train.len());

    let device = plan.device.open()?;
    let start = rates(
        &row.weights.thaw(&device)?.shape,
        &config.groups.init(),
        &held,
        &device,
    );
    print_rates("shipped", &start, None);
    let mut baseline: Option<Vec<f64>> = None;
    for (name, mixture) in kinds() {
        if !name.starts_with(&plan.only) {
            continue;
        }
        let mut wanted = config.clone();
        wanted.shape.mixture = mixture;
        for seed in 1..=plan.seeds {
            let began = Instant::now();
            let shape = learn(plan, &wanted, &train, seed)?;
            let shape = shape.valid();
            let found = rates(&shape, &wanted.groups.init(), &held, &device);
            print_rates(&format!("{name} {seed}"), &found, baseline.as_deref());
            println!("    {:.0} s", began.elapsed().as_secs_f64());
            baseline.get_or_insert(found);
            export(
                &plan.out.join(format!("{name}-{seed}")),
                &wanted,
                shape,
                &device,
            )?;
        }
    }
    Ok(())
}

/// Symbols of crops to learn from and of crops held aside (each at every quality).
fn code(plan: &Plan, groups: &GroupsConfig) -> Result<(Vec<Crop>, Vec<Crop>), Box<dyn Error>> {
    let zoo = Zoo::on(Backend::Cpu)?;
    let model = zoo.open(MODELS[0].key)?;
    let (train, aside) = ImageFolder::open(&plan.pictures)?.split_held_aside(37);
    let sampler = CropSampler::new(train.load_all()?, 11)?;
    let mut noise = Noise::new(12);
    let mut crops = Vec::with_capacity(plan.crops);
    for i in 0..plan.crops {
        let rgb = sampler.batch(i as u64, 1, SIZE as u32)?;
        let quality = 1 + noise.next_u64() % 100;
        crops.push(Crop::code(model, groups, &rgb, quality as u8)?);
    }
    let aside = fixed_crops(&aside.load_all()?, SIZE as u32, HELD)?;
    let mut held = Vec::new();
    for quality in QUALITIES {
        for rgb in aside.chunks_exact(SIZE * SIZE * 3) {
            held.push(Crop::code(model, groups, rgb, quality)?);
        }
    }
    Ok((crops, held))
}

/// Bits a pixel of the residuals of each crop, `[b]`.
fn bits(shape: &Shape, groups: &Groups, batch: Batch, device: &Device) -> Tensor<1> {
    let b = batch.qualities.len();
    let mut stream = shape.start(batch.z, &batch.qualities);
    let mut sum = Tensor::<1>::zeros([b], device);
    for ((i, step), r) in groups.steps().iter().enumerate().zip(batch.r) {
        let mask = parity_mask(step.pass, SIDE, SIDE, device);
        let bits = shape.bits(&stream, i, r.clone()) * mask;
        sum = sum + bits.flatten::<2>(1, 3).sum_dim(1).reshape([b]);
        stream = stream.update(step.group, r);
    }
    sum / (SIZE * SIZE) as f64
}

fn learn(
    plan: &Plan,
    config: &StandardConfig,
    crops: &[Crop],
    seed: u64,
) -> Result<Shape, Box<dyn Error>> {
    let device = plan.device.open()?.autodiff();
    device.seed(seed);
    let shape = MODELS[0].weights.thaw(&device)?.shape;
    // Every kind begins with the scales that ship and with nothing else.
    let mut shape = config.shape.with_mixtures(shape, &config.groups, &device);
    let groups = config.groups.init();
    let mut adam = AdamConfig::new()
        .with_beta_2(0.99)
        .with_epsilon(1e-8)
        .with_grad_clipping(Some(GradientClippingConfig::Norm(1.0)))
        .init();
    let mut noise = Noise::new(seed);
    for step in 0..plan.steps {
        let draw = (0..BATCH).map(|_| &crops[noise.next_u64() as usize % crops.len()]);
        let batch = Batch::of(&draw.collect::<Vec<_>>(), &device);
        // As in training: no quality dominates.
        let weights: Vec<f32> = batch
            .qualities
            .iter()
            .map(|&q| lambda(q).sqrt().recip() as f32)
            .collect();
        let weights = Tensor::<1>::from_data(TensorData::new(weights, [BATCH]), &device);
        let loss = (bits(&shape, &groups, batch, &device) * weights).mean();
        let grads = GradientsParams::from_grads(loss.backward(), &shape);
        // Warm-up, then down in a line over the second half.
        let warm = ((step + 1) as f64 / 20.0).min(1.0);
        let left = (plan.steps - step) as f64 / (plan.steps as f64 / 2.0);
        let rate = RATE * warm * left.min(1.0);
        let rate = ModuleLrSchedulerConfig::new(LrSchedulerConfig::Constant(rate))
            .init()
            .map(|mut scheduler| scheduler.step())?;
        shape = adam.step(rate, shape, grads);
    }
    Ok(shape)
}

/// Bits a pixel at each of [`QUALITIES`].
fn rates(shape: &Shape, groups: &Groups, held: &[Crop], device: &Device) -> Vec<f64> {
    held.chunks(held.len() / QUALITIES.len())
        .map(|crops| {
            let sums = crops.chunks(BATCH).map(|crops| {
                let batch = Batch::of(&crops.iter().collect::<Vec<_>>(), device);
                let sum = bits(shape, groups, batch, device).sum();
                f64::from(sum.into_scalar::<f32>())
            });
            sums.sum::<f64>() / crops.len() as f64
        })
        .collect()
}

fn print_rates(name: &str, rates: &[f64], baseline: Option<&[f64]>) {
    let mut line = format!("{name:14}");
    for (i, rate) in rates.iter().enumerate() {
        line += &format!("  {rate:.4}");
        if let Some(before) = baseline {
            line += &format!(" ({:+.2} %)", 100.0 * (rate / before[i] - 1.0));
        }
    }
    println!("{line}");
}

fn export(
    prefix: &Path,
    config: &StandardConfig,
    shape: Shape,
    device: &Device,
) -> Result<(), Box<dyn Error>> {
    let mut model = MODELS[0].weights.thaw(device)?;
    model.shape = shape;
    let (text, float, integer) = freeze(config, model)?;
    std::fs::write(prefix.with_extension("json"), text)?;
    std::fs::write(prefix.with_extension("float.bpk"), float)?;
    std::fs::write(prefix.with_extension("int.bin"), integer)?;
    Ok(())
}
