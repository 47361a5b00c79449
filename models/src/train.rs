//! Training: everything about a run is in its recipe; a run stops and goes on to
//! the step.

mod checkpoint;
mod evaluate;
mod objective;
mod optimise;
mod recipe;
mod run;
mod start;
mod step;
pub mod temporal;
#[cfg(test)]
mod tests;

pub use checkpoint::CheckpointError;
pub use evaluate::Point;
pub use objective::Objective;
pub use recipe::{Crops, Data, Log, RateOf, Recipe, RecipeError, Schedule, Start};
pub use run::{Event, TrainError, export, run};
