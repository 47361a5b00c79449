//! What mixtures save over plain Gaussians, everything else equal.
//!
//! ```text
//! cargo run --release -p lic-models --features tch --example prior_ablation -- \
//!     fit PICTURES OUT --device libtorch --steps 400 --crops 1000 --seeds 2
//! cargo run --release -p lic-models --example prior_ablation -- measure OUT PICTURES
//! ```
//!
//! `fit` codes crops of the pictures once with the shipped model. Its shape networks
//! then go on learning from these very symbols, once with each kind of distribution;
//! transforms, means and hyper-latents stay, so the pictures are the same to the bit and
//! only the rate differs. Every 37th picture is held aside, as in training; the table
//! is of crops of those. The weights of each kind are left in OUT.
//!
//! `measure` encodes and decodes a folder of pictures with each of them: real files.

mod fit;
mod measure;
mod residuals;

use std::error::Error;
use std::path::{Path, PathBuf};

use lic_models::Backend;
use lic_models::prior::MixtureConfig;

/// What is compared.
fn kinds() -> Vec<(&'static str, Option<MixtureConfig>)> {
    let mixture = |components, paired| Some(MixtureConfig::new(components, paired, 3));
    vec![
        ("gaussian", None),
        ("mixture-3", mixture(3, false)),
        ("pairs-2", mixture(2, true)),
        ("pairs-3", mixture(3, true)),
    ]
}

/// What `fit` is asked to do.
struct Plan {
    pictures: PathBuf,
    out: PathBuf,
    device: Backend,
    /// Steps of every run.
    steps: u64,
    /// Crops of 256x256 to learn from.
    crops: usize,
    /// Runs of every kind.
    seeds: u64,
    /// Only kinds whose name begins so.
    only: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("fit") => fit::run(&plan(&args[1..])?),
        Some("measure") if args.len() == 3 => {
            measure::run(Path::new(&args[1]), Path::new(&args[2]))
        }
        _ => Err("usage: prior_ablation fit PICTURES OUT [--device D] [--steps N] [--crops N] [--seeds N] [--only KIND] | measure OUT PICTURES".into()),
    }
}

fn plan(args: &[String]) -> Result<Plan, Box<dyn Error>> {
    let [pictures, out, options @ ..] = args else {
        return Err("fit needs a folder of pictures and one for weights".into());
    };
    let mut plan = Plan {
        pictures: pictures.into(),
        out: out.into(),
        device: Backend::Flex,
        steps: 400,
        crops: 1000,
        seeds: 2,
        only: String::new(),
    };
    for option in options.chunks(2) {
        let [name, value] = option else {
            return Err(format!("{} needs a value", option[0]).into());
        };
        match name.as_str() {
            "--device" => plan.device = value.parse()?,
            "--steps" => plan.steps = value.parse()?,
            "--crops" => plan.crops = value.parse()?,
            "--seeds" => plan.seeds = value.parse()?,
            "--only" => plan.only.clone_from(value),
            _ => return Err(format!("no option {name}").into()),
        }
    }
    Ok(plan)
}
