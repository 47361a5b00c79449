//! This program's codec, measured in memory.

use std::time::Instant;

use anyhow::{Context, Result};
use lic_codec::{Decoder, Effort, EncodeOptions, Limits, Model, Quality, encode};
use lic_models::Zoo;

use super::codec::{About, Codec, Coded, Source};

/// A model to encode with, and where the decoder finds it.
pub struct Ours<'a> {
    zoo: &'a Zoo,
    model: &'a dyn Model,
    about: About,
    settings: Vec<f64>,
    effort: Effort,
}

impl<'a> Ours<'a> {
    /// The model `key` of `zoo`, at `qualities` and with `effort`; `device` is where the
    /// zoo lives.
    pub fn new(
        zoo: &'a Zoo,
        key: &str,
        qualities: &[Quality],
        effort: Effort,
        device: &str,
    ) -> Result<Self> {
        let model = zoo.open(key)?;
        let mut settings: Vec<f64> = qualities.iter().map(|q| f64::from(q.get())).collect();
        settings.sort_by(f64::total_cmp);
        settings.dedup();
        let program = env!("CARGO_PKG_VERSION");
        let digest = model.digest();
        // Points of another effort are others: a bench that goes on tells them apart.
        let spent = match effort.level() {
            level if effort != Effort::default() => format!(", effort {level}"),
            _ => String::new(),
        };
        Ok(Self {
            zoo,
            model,
            settings,
            effort,
            about: About {
                key: format!("lic-{key}"),
                name: format!("lic, model {key}{spent}"),
                version: format!("lic {program}, weights {digest}, {device}{spent}"),
                convention: "wall time in memory after a warm-up, from samples to the bytes of \
                             the file and back"
                    .to_owned(),
                setting: "quality",
            },
        })
    }
}

impl Codec for Ours<'_> {
    fn about(&self) -> &About {
        &self.about
    }

    fn settings(&self) -> &[f64] {
        &self.settings
    }

    fn scale(&self) -> Vec<f64> {
        (2..=200).map(|halves| f64::from(halves) / 2.0).collect()
    }

    fn code(&self, source: &Source, setting: f64) -> Result<Coded> {
        let quality = setting.to_string().parse::<Quality>();
        let quality = quality.with_context(|| format!("{setting} is not a quality"))?;
        let began = Instant::now();
        let mut file = Vec::new();
        let options = EncodeOptions::new(quality).effort(self.effort);
        let report = encode(&source.image, self.model, &options, &mut file)?;
        let encode_seconds = began.elapsed().as_secs_f64();

        let began = Instant::now();
        // Our own file, a moment old: it may be as large as it likes.
        let decoder = Decoder::new(&file[..]).limits(Limits::none());
        let decoded = decoder.decode(self.zoo)?;
        Ok(Coded {
            decode_seconds: began.elapsed().as_secs_f64(),
            file,
            decoded,
            encode_seconds,
            predicted_bits: Some(report.predicted_bits),
        })
    }
}
