//! A tiny prior learns, stops and goes on.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use image::{Rgb, RgbImage};

use super::{ClipData, TemporalRecipe, export, run};
use crate::prior::{GroupsConfig, TemporalConfig};
use crate::train::{Event, Log, Schedule};

fn recipe(home: &Path, steps: u64) -> TemporalRecipe {
    for i in 0..3u32 {
        let wave = |x: u32, y: u32| ((x * (i + 3) / 7) ^ (y * (i + 5) / 11)) as u8;
        let picture = RgbImage::from_fn(160, 140, |x, y| {
            Rgb([wave(x, y), wave(y, x), wave(x + y, x)])
        });
        picture.save(home.join(format!("{i}.png"))).unwrap();
    }
    TemporalRecipe {
        name: "tiny".into(),
        seed: 3,
        weights: concat!(env!("CARGO_MANIFEST_DIR"), "/weights/mse").into(),
        from_run: None,
        from_weights: None,
        coded_by: None,
        prior: Some(TemporalConfig {
            trained_with: None,
            groups: GroupsConfig::new(vec![16, 304], 1),
            stream: 8,
            head: 8,
            shape_stream: 8,
            shape_head: 8,
        }),
        clips: ClipData {
            pictures: home.into(),
            videos: Vec::new(),
            size: (64, 64),
            frames: 2,
            moving: 5,
            real: 0,
            held_every: 4,
            batch: 2,
        },
        schedule: Schedule {
            steps,
            rate: 2e-3,
            klt_factor: 1.0,
            warmup: 2,
            decay: 4,
            final_factor: 0.1,
            clip: 1.0,
            ema: 0.5,
        },
        log: Log {
            every: 1,
            evaluate: 100,
            checkpoint: 4,
        },
    }
}

fn losses(recipe: &TemporalRecipe, folder: &Path, until: u64) -> Vec<f64> {
    let mut losses = Vec::new();
    let done = std::cell::Cell::new(0);
    let mut watch = |event: &Event| {
        if let Event::Step { step, loss, .. } = event {
            losses.push(*loss);
            done.set(*step);
        }
    };
    run(recipe, folder, &Device::flex(), &mut watch, &|| {
        done.get() >= until
    })
    .unwrap();
    losses
}

#[test]
fn a_prior_learns_and_goes_on_where_it_stopped() {
    let home = tempfile::tempdir().unwrap();
    let recipe = recipe(home.path(), 12);
    let folder = home.path().join("run");
    let mut all = losses(&recipe, &folder, 4);
    assert_eq!(all.len(), 4);
    all.extend(losses(&recipe, &folder, u64::MAX));
    assert_eq!(all.len(), 12);
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert!(mean(&all[9..]) < mean(&all[..3]), "{all:?}");

    let out = home.path().join("out");
    export(&recipe, &folder, &out).unwrap();
    let names = ["json", "float.bpk", "int.bin"].map(|name| format!("tiny.{name}"));
    let files = names.map(|name| fs::read(out.join(name)).unwrap());
    let weights = crate::TemporalWeights {
        config: std::str::from_utf8(&files[0]).unwrap(),
        float: &files[1],
        integer: &files[2],
    };
    assert!(weights.thaw(&Device::flex()).is_ok());
    assert_eq!(weights.config().unwrap().groups.sizes, [16, 304]);
}

#[test]
fn what_was_exported_learns_on() {
    let home = tempfile::tempdir().unwrap();
    let recipe = recipe(home.path(), 2);
    let folder = home.path().join("first");
    losses(&recipe, &folder, 2);
    export(&recipe, &folder, home.path()).unwrap();
    let second = TemporalRecipe {
        name: "second".into(),
        prior: None,
        from_weights: Some(home.path().join("tiny")),
        ..recipe
    };
    let folder = home.path().join("second");
    // Its gradients reach what it started from.
    assert_eq!(losses(&second, &folder, 2).len(), 2);
    export(&second, &folder, home.path()).unwrap();
    let config = fs::read_to_string(home.path().join("second.json")).unwrap();
    assert!(config.contains("\"trained_with\": \""), "{config}");
}
