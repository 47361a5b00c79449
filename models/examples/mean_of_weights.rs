//! The mean of two models' weights that one began as the other: of runs over the same pictures
//! in another order it is often better than either (Wortsman et al., *Model soups*, ICML 2022).
//!
//! ```text
//! cargo run --release -p lic-models --example mean_of_weights -- A B OUT
//! ```
//!
//! Each is the path of three files without what follows the name, such as
//! `models/weights/mse`.

use std::any::Any;
use std::collections::VecDeque;
use std::error::Error;
use std::fs;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;
use lic_models::standard::{Standard, StandardConfig};
use lic_models::{Device, Weights, freeze};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [a, b, out] = arguments.as_slice() else {
        return Err("mean_of_weights A B OUT".into());
    };
    let ((config, a), (other, b)) = (load(a)?, load(b)?);
    if config != other {
        return Err("weights of two shapes have no mean".into());
    }
    let mut of_b = Collect::default();
    b.visit(&mut of_b);
    let mut mean = Mean(of_b.0);
    let model = a.map(&mut mean);
    if !mean.0.is_empty() {
        return Err("weights of two shapes have no mean".into());
    }
    let config: StandardConfig = serde_json::from_str(&config)?;
    let (config, float, integer) = freeze(&config, model)?;
    fs::write(format!("{out}.json"), config)?;
    fs::write(format!("{out}.float.bpk"), float)?;
    fs::write(format!("{out}.int.bin"), integer)?;
    Ok(())
}

/// A configuration, and the model with its weights.
fn load(path: &str) -> Result<(String, Standard), Box<dyn Error>> {
    let config = fs::read_to_string(format!("{path}.json"))?;
    let float = fs::read(format!("{path}.float.bpk"))?;
    let integer = fs::read(format!("{path}.int.bin"))?;
    let weights = Weights {
        config: &config,
        float: &float,
        integer: &integer,
    };
    let model = weights.thaw(&Device::flex())?;
    Ok((config, model))
}

/// Parameters in their order, which is that of the shape: their names differ from load to load.
#[derive(Default)]
struct Collect(VecDeque<Box<dyn Any>>);

impl ModuleVisitor for Collect {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push_back(Box::new(param.val()));
    }
}

struct Mean(VecDeque<Box<dyn Any>>);

impl ModuleMapper for Mean {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let other = self.0.pop_front();
        match other.and_then(|t| t.downcast::<Tensor<D>>().ok()) {
            Some(other) => param.map(|one| (one + *other) * 0.5),
            None => param,
        }
    }
}
