//! `lic bench`: every picture at every quality, from real bytes, by this program's
//! codec and by its peers, beside published results.

pub mod anchors;
pub mod bd_rate;
mod codec;
mod matrix;
mod ours;
mod page;
mod peers;
mod points;
mod profile;
mod program;
mod queue;
mod speed;
mod summary;
mod table;
mod test_set;
mod video;
mod viewer;

use std::path::Path;

use anyhow::{Context, Result, bail};
use lic_codec::Quality;
use serde::Serialize;

use crate::args::{Bench, Peer, Peers};
use crate::io::Output;
use crate::report::{Words, print};
use anchors::Anchor;
use codec::{Codec, Conditions};
use matrix::{Delta, deltas};
use ours::Ours;
use peers::Program;
use points::{Point, Store};
use queue::{Outcome, Queue};
use summary::Curve;
use test_set::Pictures;

/// All figures of a bench, as `--json` writes them.
#[derive(Debug, Serialize)]
pub struct Measurements {
    /// Everything but the points of single pictures.
    #[serde(flatten)]
    pub figures: Figures,
    /// One a picture, codec and setting.
    pub points: Vec<Point>,
}

/// What the page shows, too.
#[derive(Debug, Serialize)]
pub struct Figures {
    /// This program, with its version.
    pub program: String,
    /// The test set that the pictures were verified to be, all of it.
    pub test_set: Option<String>,
    /// Where that set comes from.
    pub test_set_source: Option<String>,
    /// How many pictures were measured.
    pub pictures: usize,
    /// Pixels of all of them.
    pub pixels: u64,
    /// On what.
    pub machine: Conducted,
    /// Means over the pictures: this program's codec first, then its peers.
    pub curves: Vec<Curve>,
    /// Peers without figures.
    pub left_out: Vec<LeftOut>,
    /// Published curves; none unless `test_set` is theirs.
    pub published: Vec<Anchor>,
    /// Delta rates of every curve against every other.
    pub bd_rates: Vec<Delta>,
}

/// On what a bench was run.
#[derive(Debug, Serialize)]
pub struct Conducted {
    /// The processor, as the system names it.
    pub cpu: String,
    /// Where the networks ran.
    pub device: &'static str,
    /// Threads a codec could use.
    pub threads: usize,
    /// Pictures measured at the same time.
    pub jobs: u16,
}

/// A peer that was asked for and has no figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftOut {
    /// Its key.
    pub codec: String,
    /// Its name for people.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Measures pictures.
pub fn run(args: &Bench, words: Words) -> Result<()> {
    if args.speed {
        return speed::run(args, words);
    }
    if args.profile {
        return profile::run(args);
    }
    if args.video {
        return video::run(args, words);
    }
    args.machine.set_threads()?;
    let outputs = Outputs::check(args)?;
    let pictures = Pictures::find(&args.pictures, args.data.as_deref(), args.limit)?;
    let conditions = Conditions {
        threads: rayon::current_num_threads(),
        jobs: args.jobs,
    };
    let (peers, mut left_out) = find_peers(args, conditions.threads, words)?;
    let zoo = args.machine.zoo()?;
    let device = args.machine.device.name();
    let ours = Ours::new(
        &zoo,
        args.model.key(),
        &args.qualities(),
        args.effort.unwrap_or_default(),
        device,
    )?;
    let store = open_store(args, words)?;

    let queue = Queue {
        ours: &ours,
        peers: peers.iter().map(|peer| peer as &dyn Codec).collect(),
        paths: &pictures.paths,
        store: &store,
        conditions,
        words,
    };
    let Outcome { points, failed } = queue.run()?;
    for peer in peers.iter().map(|peer| peer.about()) {
        let Some(reason) = failed.get(&peer.key) else {
            continue;
        };
        words.say(&format!("{} is left out: {reason}", peer.name));
        left_out.push(LeftOut {
            codec: peer.key.clone(),
            name: peer.name.clone(),
            reason: reason.clone(),
        });
    }
    let measured = Measurements {
        figures: figures(args, &queue, &pictures, &points, left_out),
        points,
    };
    let shown = match &args.report {
        Some(_) => viewer::show(&queue, &measured.figures, args.show_bpp)?,
        None => Vec::new(),
    };
    outputs.write(&measured, &shown)
}

/// The peers that are there. One that was asked for by name has to be.
fn find_peers(args: &Bench, threads: usize, words: Words) -> Result<(Vec<Program>, Vec<LeftOut>)> {
    let wanted = match &args.peers {
        Peers::Installed => &Peer::ALL[..],
        Peers::Named(peers) => peers,
    };
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for &peer in wanted {
        let (name, _) = peers::names(peer);
        match Program::find(peer, threads) {
            Ok(program) => {
                words.say(&format!("{name}: {}", program.about().version));
                found.push(program);
            }
            Err(error) if args.peers == Peers::Installed => {
                let reason = format!("{error:#}");
                words.say(&format!("{name} is left out: {reason}"));
                left_out.push(LeftOut {
                    codec: peer.key().to_owned(),
                    name: name.to_owned(),
                    reason,
                });
            }
            Err(error) => return Err(error).with_context(|| format!("cannot measure {name}")),
        }
    }
    Ok((found, left_out))
}

fn open_store(args: &Bench, words: Words) -> Result<Store> {
    let beside_page = args.report.as_ref().map(|dir| dir.join("points.jsonl"));
    let Some(path) = args.points.clone().or(beside_page) else {
        return Ok(Store::in_memory());
    };
    let store = Store::open(&path)?;
    if store.len() > 0 {
        let kept = store.len();
        words.say(&format!("{} has {kept} points already", path.display()));
    }
    Ok(store)
}

fn figures(
    args: &Bench,
    queue: &Queue<'_>,
    pictures: &Pictures,
    points: &[Point],
    left_out: Vec<LeftOut>,
) -> Figures {
    let codecs = [queue.ours].into_iter().chain(queue.peers.iter().copied());
    let curves: Vec<Curve> = codecs
        .map(|codec| Curve::of(codec.about(), points))
        .filter(|curve| !curve.points.is_empty())
        .collect();
    let set = pictures.whole_set.as_ref();
    let published = match set {
        Some(set) if set.name == anchors::dataset() => anchors::all(),
        _ => &[],
    };
    let first = points.first();
    let once = points
        .iter()
        .filter(|p| first.is_some_and(|f| (&f.codec, f.setting) == (&p.codec, p.setting)));
    Figures {
        program: format!("lic {}", env!("CARGO_PKG_VERSION")),
        test_set: set.map(|set| set.name.clone()),
        test_set_source: set.map(|set| set.source.clone()),
        pictures: pictures.paths.len(),
        pixels: once.map(Point::pixels).sum(),
        machine: Conducted {
            cpu: cpu(),
            device: args.machine.device.name(),
            threads: queue.conditions.threads,
            jobs: queue.conditions.jobs,
        },
        bd_rates: deltas(&curves, published),
        curves,
        left_out,
        published: published.to_vec(),
    }
}

/// The quality of a bench of speeds, which takes one.
fn one_quality(args: &Bench) -> Result<Quality> {
    let one = args.quality();
    one.context("speeds are measured at one quality; -q names several")
}

/// The processor's name where the system tells it, or its architecture.
fn cpu() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = name.and_then(|rest| Some(rest.split_once(':')?.1.trim()));
    name.unwrap_or(std::env::consts::ARCH).to_owned()
}

/// Where the figures go.
struct Outputs {
    table: bool,
    json: Option<Output>,
    csv: Option<Output>,
    page: Option<Output>,
}

impl Outputs {
    /// Looks whether all of them can be written, before the work begins.
    fn check(args: &Bench) -> Result<Self> {
        let standard = Some(Path::new("-"));
        let files = [args.json.as_deref(), args.csv.as_deref()];
        if files == [standard, standard] {
            bail!("--json and --csv both want standard output");
        }
        if let Some(dir) = &args.report {
            let made = std::fs::create_dir_all(dir);
            made.with_context(|| format!("cannot make the folder {}", dir.display()))?;
        }
        let at = |path: Option<&Path>| path.map(Output::at).transpose();
        let page = args.report.as_ref().map(|dir| dir.join("index.html"));
        Ok(Self {
            table: !files.contains(&standard),
            json: at(files[0])?,
            csv: at(files[1])?,
            page: at(page.as_deref())?,
        })
    }

    fn write(&self, measured: &Measurements, shown: &[viewer::Shown]) -> Result<()> {
        if self.table {
            print(&table::text(&measured.figures))?;
        }
        if let Some(output) = &self.json {
            let mut text = serde_json::to_string_pretty(measured)?;
            text.push('\n');
            output.write(|writer| Ok(writer.write_all(text.as_bytes())?))?;
        }
        if let Some(output) = &self.csv {
            output.write(|writer| {
                let mut sheet = csv::Writer::from_writer(writer);
                for point in &measured.points {
                    sheet.serialize(point)?;
                }
                Ok(sheet.flush()?)
            })?;
        }
        if let Some(output) = &self.page {
            let text = page::html(&measured.figures, shown)?;
            output.write(|writer| Ok(writer.write_all(text.as_bytes())?))?;
        }
        Ok(())
    }
}
