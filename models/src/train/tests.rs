//! A run that was stopped ends where one that was not ends; what training takes for a rate is one.

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use image::{Rgb, RgbImage};
use lic_codec::{Channels, EncodeOptions, Image, Quality, encode};

use super::{
    Crops, Data, Event, Log, Objective, RateOf, Recipe, Schedule, Start, TrainError, evaluate,
    export, run,
};
use crate::prior::{GroupsConfig, MeanConfig, ShapeConfig};
use crate::standard::{Noise, Rounding, StandardConfig};
use crate::transform::{AnalysisConfig, BlockConfig, SynthesisConfig};
use crate::{Backend, MODELS, Zoo};

fn pictures(folder: &Path) {
    for i in 0..3u32 {
        let wave = |x: u32, y: u32| ((x * (i + 3) / 7) ^ (y * (i + 5) / 11)) as u8;
        let picture = RgbImage::from_fn(300, 280, |x, y| {
            Rgb([wave(x, y), wave(y, x), wave(x + y, x)])
        });
        picture.save(folder.join(format!("{i}.png"))).unwrap();
    }
}

fn recipe(pictures: &Path, steps: u64) -> Recipe {
    let fine = BlockConfig::new(16, 4, 8);
    let coarse = BlockConfig::new(12, 4, 8);
    Recipe {
        name: "tiny".into(),
        seed: 3,
        from_run: None,
        from_weights: None,
        start: Start::Klt,
        freeze: Vec::new(),
        rate_of: RateOf::Noisy,
        trellis: false,
        model: StandardConfig {
            analysis: AnalysisConfig::new(fine.clone(), 1, coarse.clone(), 1),
            synthesis: SynthesisConfig::new(coarse, 1, fine, 1),
            groups: GroupsConfig::new(vec![4, 8], 1)
                .with_quartered(Some(1))
                .with_anchored(Some(1)),
            hyper_analysis: 8,
            mean: MeanConfig::new(4, 8, 8, 8),
            shape: ShapeConfig::new(4, 8, 8, 8),
        },
        objective: Objective::Mse,
        squared_error_part: 0.0,
        data: Data {
            pictures: pictures.into(),
            held_every: 3,
            held_crops: 1,
            enlarging: 1.5,
        },
        schedule: Schedule {
            steps,
            rate: 1e-3,
            klt_factor: 0.1,
            warmup: 2,
            decay: 4,
            final_factor: 0.1,
            clip: 1.0,
            ema: 0.9,
        },
        crops: vec![Crops {
            until: 100,
            size: 64,
            batch: 2,
        }],
        log: Log {
            every: 1,
            evaluate: 100,
            checkpoint: 5,
        },
    }
}

/// Everything of a log but the time.
fn steps(folder: &Path) -> Vec<serde_json::Value> {
    let log = fs::read_to_string(folder.join("log.jsonl")).unwrap();
    let mut lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    lines.retain(|line| line["type"] != "start");
    for line in &mut lines {
        if let Some(fields) = line.as_object_mut() {
            fields.remove("seconds");
        }
    }
    lines
}

/// The shapes and tables of the running mean.
fn integers(recipe: &Recipe, folder: &Path) -> Vec<u8> {
    export(recipe, folder, &folder.join("out")).unwrap();
    fs::read(folder.join("out/tiny.int.bin")).unwrap()
}

/// Weights, optimiser, schedule and random state all show in the losses of the
/// steps that follow.
#[test]
fn a_stopped_run_goes_on_to_the_step() {
    let home = tempfile::tempdir().unwrap();
    pictures(home.path());
    let mut recipe = recipe(home.path(), 12);
    let device = Device::flex();

    // One start for both: weights are drawn from the process's own generator,
    // which other tests draw from at the same time.
    let start = home.path().join("start");
    run(&recipe, &start, &device, &mut |_| (), &|| true).unwrap();
    recipe.from_run = Some(start);

    let whole = home.path().join("whole");
    run(&recipe, &whole, &device, &mut |_| (), &|| false).unwrap();

    let halves = home.path().join("halves");
    let done = std::cell::Cell::new(0);
    let mut count = |event: &Event| {
        if let Event::Step { step, .. } = event {
            done.set(*step);
        }
    };
    run(&recipe, &halves, &device, &mut count, &|| done.get() >= 5).unwrap();
    assert_eq!(done.get(), 5);
    run(&recipe, &halves, &device, &mut count, &|| false).unwrap();
    assert_eq!(done.get(), 12);

    assert_eq!(steps(&halves), steps(&whole));
    assert!(integers(&recipe, &halves) == integers(&recipe, &whole));
}

/// Beside the squared error itself, with its own λ, a part of it changes nothing.
#[test]
fn a_part_of_the_squared_error_weighs_as_all_of_it() {
    let home = tempfile::tempdir().unwrap();
    pictures(home.path());
    let mut recipe = recipe(home.path(), 12);
    let device = Device::flex();
    let start = home.path().join("start");
    run(&recipe, &start, &device, &mut |_| (), &|| true).unwrap();
    recipe.from_run = Some(start);
    let mut loss_with = |part: f64| {
        let loss = std::cell::Cell::new(None);
        let mut watch = |event: &Event| {
            if let Event::Step { loss: seen, .. } = event {
                loss.set(Some(*seen));
            }
        };
        let folder = home.path().join(format!("{part}"));
        let once = || loss.get().is_some();
        recipe.squared_error_part = part;
        run(&recipe, &folder, &device, &mut watch, &once).unwrap();
        loss.get().unwrap()
    };
    let (all, part) = (loss_with(0.0), loss_with(0.3));
    // Sums in single precision.
    assert!((part / all - 1.0).abs() < 1e-5, "{part}, not {all}");
}

/// At the start the KLT's codec shows the picture in any order of its channels, and random
/// projections do not; all of them learn.
#[test]
fn every_start_is_what_it_says() {
    let home = tempfile::tempdir().unwrap();
    pictures(home.path());
    let mut recipe = recipe(home.path(), 2);
    recipe.data.held_crops = 2;
    let psnr = [Start::Klt, Start::ShuffledKlt, Start::Random].map(|start| {
        recipe.start = start;
        let folder = home.path().join(format!("{start:?}"));
        let mut psnr = Vec::new();
        let mut watch = |event: &Event| {
            if let Event::Evaluation { step: 0, points } = event {
                psnr.extend(points.iter().map(|point| point.psnr));
            }
        };
        run(&recipe, &folder, &Device::flex(), &mut watch, &|| false).unwrap();
        assert_eq!(steps(&folder).len(), 4, "two evaluations and two steps");
        psnr[4]
    });
    assert!((psnr[0] - psnr[1]).abs() < 0.1, "{psnr:?}");
    assert!(psnr[0] > psnr[2] + 3.0, "{psnr:?}");
}

/// A recipe that begins with weights that were exported, and the folder of those.
fn from_exported(home: &Path, steps: u64) -> (Recipe, PathBuf) {
    pictures(home);
    let mut recipe = recipe(home, steps);
    let start = home.join("start");
    run(&recipe, &start, &Device::flex(), &mut |_| (), &|| true).unwrap();
    let out = start.join("out");
    export(&recipe, &start, &out).unwrap();
    recipe.from_weights = Some(out.join("tiny"));
    (recipe, out)
}

/// What is frozen ships as it was, to the bit; what is not learns.
#[test]
fn frozen_networks_stay() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::flex();
    let (mut recipe, out) = from_exported(home.path(), 9);
    recipe.freeze = ["g_a", "g_s", "gain", "h_a", "factorized", "mean"]
        .map(String::from)
        .to_vec();
    recipe.rate_of = RateOf::Rounded;
    let tuned = home.path().join("tuned");
    run(&recipe, &tuned, &device, &mut |_| (), &|| false).unwrap();
    let after = tuned.join("out");
    export(&recipe, &tuned, &after).unwrap();

    let read = |folder: &Path, suffix: &str| fs::read(folder.join(suffix)).unwrap();
    assert!(read(&out, "tiny.float.bpk") == read(&after, "tiny.float.bpk"));
    assert!(read(&out, "tiny.int.bin") != read(&after, "tiny.int.bin"));
}

/// More blocks in `g_a` and `g_s` say nothing until they are trained; fewer, or other widths,
/// are another model.
#[test]
fn weights_begin_larger_transforms_and_no_other_model() {
    let home = tempfile::tempdir().unwrap();
    let device = Device::flex();
    let (mut recipe, _) = from_exported(home.path(), 1);
    let first = |recipe: &Recipe, name: &str| {
        let folder = home.path().join(name);
        let found = run(recipe, &folder, &device, &mut |_| (), &|| true);
        found.map(|_| steps(&folder)[0].clone())
    };
    let same = first(&recipe, "same").unwrap();
    assert_eq!(same["step"], 0);
    recipe.model.synthesis.fine_blocks = 2;
    recipe.model.synthesis.coarse_blocks = 3;
    recipe.model.analysis.fine_blocks = 3;
    recipe.model.analysis.coarse_blocks = 2;
    assert_eq!(first(&recipe, "larger").unwrap(), same);

    recipe.model.synthesis.fine_blocks = 0;
    let fewer = first(&recipe, "fewer");
    assert!(matches!(fewer, Err(TrainError::Unfit { .. })));
    recipe.model.synthesis.fine_blocks = 1;
    recipe.model.hyper_analysis = 9;
    let wider = first(&recipe, "wider");
    assert!(matches!(wider, Err(TrainError::Unfit { .. })));
}

/// What training takes for the rate of a picture is what its file takes, on a trellis too. A file
/// of so small a picture has some per cent beside its symbols (1.09 was seen), which an encoder
/// chooses by mixtures and training by Gaussians; intervals of width one around ±½ on a grid with
/// a zero would have made it 1.3.
#[test]
fn rates_in_training_are_those_of_files() {
    let size = 192usize;
    let mut noise = Noise::new(3);
    let samples: Vec<u8> = (0..3 * size * size)
        .map(|i| {
            let (x, y) = (i / 3 % size, i / 3 / size);
            let wave = 90.0 + 60.0 * (x as f32 / 17.0).sin() * (y as f32 / 11.0).cos();
            let edge = if x * 2 > y * 3 { 40.0 } else { 0.0 };
            (wave + edge + (noise.next_u64() % 9) as f32) as u8
        })
        .collect();
    let device = Device::flex();
    for row in MODELS {
        let model = row.weights.thaw(&device).unwrap();
        let x = evaluate::pictures(&samples, 1, size, &device);
        let picture = Image::new(size as u32, size as u32, Channels::Rgb, samples.clone()).unwrap();
        let zoo = Zoo::on(Backend::Cpu).unwrap();
        for quality in [30, 80] {
            let estimate = model.forward(x.clone(), &[f64::from(quality)], Rounding::Trellis(None));
            let bits = f64::from((estimate.bits_y + estimate.bits_z).into_scalar::<f32>());
            let options = EncodeOptions::new(Quality::new(quality).unwrap());
            let mut file = Vec::new();
            encode(
                &picture,
                zoo.open(row.key).unwrap(),
                &options.filters(false),
                &mut file,
            )
            .unwrap();
            let ratio = 8.0 * file.len() as f64 / bits;
            assert!(
                (0.95..1.15).contains(&ratio),
                "{} at {quality}: {ratio}",
                row.key
            );
        }
    }
}
