//! The one loop that encoder and decoder both run, so that they cannot drift.
//!
//! [`walk`] takes a tile's [`Latents`] through the steps of its model. Whether
//! symbols are written, read or only counted is up to a [`SymbolCoder`].

mod coders;
mod reader;
mod shifts;

use crate::bitstream::StreamName;
use crate::error::{DecodeError, FormatErrorKind};
use crate::model::{Latents, Model, ModelError, Plan};

pub(crate) use coders::Both;
pub(crate) use coders::Kept;
pub use coders::{Counter, Digested, Writer};
pub use reader::Reader;

/// One step of the walk, as a [`SymbolCoder`] sees it.
#[derive(Debug)]
pub struct Step<'a> {
    /// Its number, from 0.
    pub number: usize,
    /// The section that holds its symbols.
    pub section: usize,
    /// How its symbols are distributed; every index is below the number of tables.
    pub plan: &'a Plan,
    /// Whether these are no symbols of the step but what is said of it before them, in the same
    /// stream.
    pub aside: bool,
}

/// Codes the symbols of a step, in one direction or the other.
pub trait SymbolCoder: Send {
    /// Codes the symbols of `step` and returns them, all of its plan. A coder that
    /// writes gets them from `symbols`, which asks the encoder's latents; one that
    /// reads never calls it.
    ///
    /// # Errors
    /// If `symbols` does, or the stream does not decode.
    fn code(
        &mut self,
        step: &Step<'_>,
        symbols: &mut dyn FnMut() -> Result<Vec<i32>, ModelError>,
    ) -> Result<Vec<i32>, WalkError>;

    /// Whether symbols come from a stream, so that `symbols` is never called.
    fn reads(&self) -> bool {
        false
    }

    /// Whether nothing is known of `section`, nor of any after it.
    fn lacks(&self, section: usize) -> bool {
        let _ = section;
        false
    }
}

/// Why a walk ended early.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The model or its backend failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A stream does not decode.
    #[error("section {section} does not decode")]
    Stream {
        /// Which section, from 0.
        section: usize,
        /// What the entropy decoder says.
        source: lic_entropy::DecodeError,
    },
}

impl WalkError {
    /// As an error of the file, in which this was tile number `tile`.
    pub(crate) fn in_tile(self, tile: usize) -> DecodeError {
        match self {
            Self::Model(error) => DecodeError::Model(error),
            Self::Stream { section, source } => FormatErrorKind::Stream {
                stream: StreamName::Section { section, tile },
                reason: source,
            }
            .into(),
        }
    }

    /// As an error of an encoder, which decodes nothing.
    pub(crate) fn of_encoder(self, model: &dyn Model) -> ModelError {
        match self {
            Self::Model(error) => error,
            Self::Stream { section, source } => {
                fault(model, format!("section {section}: {source}"))
            }
        }
    }
}

/// Runs `latents`, which stand at step 0, through all steps of `model`.
///
/// # Errors
/// If the model or the coder fails.
pub fn walk(
    model: &dyn Model,
    latents: &mut dyn Latents,
    coder: &mut impl SymbolCoder,
) -> Result<(), WalkError> {
    walk_sections(model, model.sections(), latents, coder)
}

/// The same through steps that lie in `sections`, where they are not the model's own:
/// those of a predicted frame.
pub(crate) fn walk_sections(
    model: &dyn Model,
    sections: &[usize],
    latents: &mut dyn Latents,
    coder: &mut impl SymbolCoder,
) -> Result<(), WalkError> {
    for (number, &section) in sections.iter().enumerate() {
        if coder.lacks(section) {
            latents.skip(number)?;
            continue;
        }
        let plan = latents.plan(number)?;
        check(model, number, &plan)?;
        let place = [number, section];
        if coder.reads() {
            let plan = &shifts::code(plan, place, None, coder)?;
            let step = Step {
                number,
                section,
                plan,
                aside: false,
            };
            // Every symbol waits for the one before: the other threads go on.
            let decode = || coder.code(&step, &mut || Ok(Vec::new()));
            let (symbols, ready) = rayon::join(decode, || latents.meanwhile(number));
            ready?;
            latents.accept(number, &symbols?)?;
            continue;
        }
        let mut symbols = latents.symbols(number)?;
        let (found, expected) = (symbols.len(), plan.len());
        if found != expected {
            let reason = format!("step {number} has {found} symbols, its plan {expected}");
            return Err(fault(model, reason).into());
        }
        let plan = &shifts::code(plan, place, Some(&symbols), coder)?;
        let step = Step {
            number,
            section,
            plan,
            aside: false,
        };
        let symbols = coder.code(&step, &mut || Ok(std::mem::take(&mut symbols)))?;
        latents.accept(number, &symbols)?;
    }
    Ok(())
}

/// Whether a model names tables that there are. (Mixtures have been checked.)
fn check(model: &dyn Model, number: usize, plan: &Plan) -> Result<(), ModelError> {
    let Plan::Tables { tables, indices } = plan else {
        return Ok(());
    };
    match indices.iter().find(|i| usize::from(**i) >= tables.len()) {
        None => Ok(()),
        Some(index) => {
            let reason = format!("step {number} names table {index} of {}", tables.len());
            Err(fault(model, reason))
        }
    }
}

/// How many sections a model has.
///
/// # Errors
/// If its [`sections`](Model::sections) are not as they have to be, or more than
/// the format has room for.
pub fn section_count(model: &dyn Model) -> Result<usize, ModelError> {
    let mut count = 0;
    for &section in model.sections() {
        let (repeats, follows) = (section + 1 == count, section == count);
        if !repeats && !follows {
            let reason = format!("section {section} comes after {count} sections");
            return Err(fault(model, reason));
        }
        count = section + 1;
    }
    if count > crate::bitstream::MAX_SECTIONS {
        let limit = crate::bitstream::MAX_SECTIONS;
        return Err(fault(
            model,
            format!("{count} sections, the limit is {limit}"),
        ));
    }
    Ok(count)
}

pub(crate) fn fault(model: &dyn Model, reason: String) -> ModelError {
    ModelError {
        key: model.key().to_owned(),
        reason,
    }
}

/// What a caller of the entropy coder got wrong, which only a model can have
/// caused.
fn unexpected(step: usize, error: &dyn std::error::Error) -> ModelError {
    ModelError {
        key: "walk".to_owned(),
        reason: format!("step {step}: {error}"),
    }
}
