//! `lic models`.

use anyhow::Result;
use lic_codec::{Model, Null};
use lic_models::{MODELS, Row};

use crate::args::Models;
use crate::report::{Kmacs, Line, ModelName, ModelRow, grouped, print, print_json};

/// Lists the models in this program.
pub fn run(args: &Models) -> Result<()> {
    let mut rows = MODELS.iter().map(learned).collect::<Result<Vec<_>>>()?;
    rows.push(without_network());
    if args.json {
        return rows
            .iter()
            .try_for_each(|row| print_json(&Line::Model(row)));
    }
    print(&format!(
        "{:<8} {:>3}  {:<8} {:>11}  {:>27}  for",
        "key", "id", "weights", "bytes", "kMAC/px enc + dec + prior"
    ))?;
    rows.iter().try_for_each(|row| print(&text(row)))
}

fn learned(row: &Row) -> Result<ModelRow> {
    let (encoder, decoder, prior) = row.config()?.macs();
    Ok(ModelRow {
        name: ModelName {
            id: row.id.0,
            digest: row.weights.digest().to_string(),
            key: Some(row.key.to_owned()),
        },
        bytes: row.weights.len() as u64,
        kmacs: Some(Kmacs {
            encoder: encoder / 1e3,
            decoder: decoder / 1e3,
            prior: prior / 1e3,
        }),
        about: row.about,
    })
}

fn without_network() -> ModelRow {
    ModelRow {
        name: ModelName {
            id: Null.id().0,
            digest: Null.digest().to_string(),
            key: Some(Null.key().to_owned()),
        },
        bytes: 0,
        kmacs: None,
        about: "tests of the format; no network",
    }
}

fn text(row: &ModelRow) -> String {
    let kmacs = row.kmacs.as_ref().map_or_else(
        || "none".to_owned(),
        |k| format!("{:.1} + {:.1} + {:.1}", k.encoder, k.decoder, k.prior),
    );
    format!(
        "{:<8} {:>3}  {:<8} {:>11}  {:>27}  {}",
        row.name.key.as_deref().unwrap_or_default(),
        row.name.id,
        row.name.digest,
        grouped(row.bytes),
        kmacs,
        row.about
    )
}
