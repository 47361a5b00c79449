//! Model 0 in predicted frames: every pixel is coded by how it differs from the frame
//! before, moved.

use lic_entropy::gaussian;

use super::{Null, Planes, clamp, pixel_of, planes_of};
use crate::field::Field;
use crate::model::{Digest, Latents, ModelError, Pixels, Plan, Quality};
use crate::temporal::{Before, Past, Temporal};

/// The table of all symbols: a standard deviation of about 1.8.
const TABLE: u16 = 24;

impl Temporal for Null {
    fn digest(&self) -> Digest {
        Digest([0; 4])
    }

    /// A plane each.
    fn steps(&self) -> usize {
        3
    }

    fn memory(&self, width: u32, height: u32) -> u64 {
        // Three planes of i32 more, and the picture before as pixels.
        u64::from(width) * u64::from(height) * 36
    }

    fn analyse(
        &self,
        window: &Pixels,
        (width, height): (u32, u32),
        quality: Quality,
        before: &Before<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        if (window.width, window.height) != (width, height) {
            return Err(Planes::fault(format!(
                "a window of {}x{} for a tile of {width}x{height}",
                window.width, window.height
            )));
        }
        let mut differences = Differences::new(width, height, quality, before)?;
        differences.source = Some(planes_of(window));
        Ok(Box::new(differences))
    }

    fn prepare(
        &self,
        (width, height): (u32, u32),
        quality: Quality,
        before: &Before<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        Ok(Box::new(Differences::new(width, height, quality, before)?))
    }

    /// Fields are pixels: they have no quality.
    fn keep(&self, _: &mut Past, _: Quality) -> Result<(), ModelError> {
        Ok(())
    }
}

struct Differences {
    width: u32,
    height: u32,
    step: i32,
    /// Encoder only: what to code.
    source: Option<[Vec<i32>; 3]>,
    /// What is expected, and then what was decoded.
    values: [Vec<i32>; 3],
}

impl Differences {
    fn new(
        width: u32,
        height: u32,
        quality: Quality,
        before: &Before<'_>,
    ) -> Result<Self, ModelError> {
        let values = match before.moved {
            Some(moved) => planes_of(moved),
            None => planes_of(&Pixels {
                width,
                height,
                samples: before.past.field.values.clone(),
            }),
        };
        let count = width as usize * height as usize;
        if values[0].len() != count {
            let found = values[0].len();
            return Err(Planes::fault(format!("{found} pixels before for {count}")));
        }
        Ok(Self {
            width,
            height,
            step: Planes::step_of(quality),
            source: None,
            values,
        })
    }

    fn plane(&mut self, step: usize) -> Result<&mut Vec<i32>, ModelError> {
        let found = self.values.get_mut(step);
        found.ok_or_else(|| Planes::fault(format!("step {step}, the last is 2")))
    }
}

impl Latents for Differences {
    fn plan(&mut self, step: usize) -> Result<Plan, ModelError> {
        let count = self.plane(step)?.len();
        Ok(Plan::Tables {
            tables: gaussian().clone(),
            indices: vec![TABLE; count],
        })
    }

    fn symbols(&mut self, step: usize) -> Result<Vec<i32>, ModelError> {
        let quantum = self.step;
        let source = self.source.as_ref().and_then(|source| source.get(step));
        let source = source.ok_or_else(|| Planes::fault("a decoder has no symbols".to_owned()))?;
        let pairs = source.iter().zip(&self.values[step]);
        let symbol = |(value, expected): (&i32, &i32)| {
            let difference = value - expected;
            difference.signum() * ((difference.abs() + quantum / 2) / quantum)
        };
        Ok(pairs.map(symbol).collect())
    }

    fn accept(&mut self, step: usize, symbols: &[i32]) -> Result<(), ModelError> {
        let quantum = i64::from(self.step);
        for (value, &symbol) in self.plane(step)?.iter_mut().zip(symbols) {
            *value = clamp(step, i64::from(*value) + i64::from(symbol) * quantum);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Field, ModelError> {
        let [y, co, cg] = &self.values;
        let chroma = co.iter().zip(cg);
        let pixels = y.iter().zip(chroma);
        let pixels = pixels.flat_map(|(&y, (&co, &cg))| pixel_of(y, co, cg));
        Ok(Field {
            width: self.width,
            height: self.height,
            channels: 3,
            values: pixels.map(|v| f32::from(v) / 255.0).collect(),
        })
    }
}
