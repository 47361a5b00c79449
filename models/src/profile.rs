//! A clock for the parts of coding: how long each took, and how much it did.
//!
//! It runs while [`watch`] does. At other times a part costs one load and one branch
//! beside some hundred thousand multiply-adds, which is less than can be measured.

mod rates;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use rates::{Rates, rates};

/// The networks, in the order in which their parts are told; `coding` is what lies
/// between them.
const NETWORKS: [&str; 6] = ["g_a", "h_a", "means", "shapes", "coding", "g_s"];

/// Defines an enum and the names of its variants.
macro_rules! named {
    ($(#[$about:meta])* $kind:ident: $($part:ident = $network:literal, $layer:literal;)*) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $kind { $($part,)* }

        impl $kind {
            /// Network and layer, or stage, of every one.
            const NAMES: &[(&str, &str)] = &[$(($network, $layer),)*];
        }
    };
}

named! {
    /// Where blocks are.
    Stage:
    AnalysisFine = "g_a", "blocks at 1/8";
    AnalysisCoarse = "g_a", "blocks at 1/16";
    SynthesisCoarse = "g_s", "blocks at 1/16";
    SynthesisFine = "g_s", "blocks at 1/8";
}

named! {
    /// Layers of the blocks of a stage.
    Layer:
    Reduce = "", "reduce 1x1";
    Spatial = "", "spatial 3x3";
    Expand = "", "expand 1x1";
    Gate = "", "gate 1x1";
    Merge = "", "merge 1x1";
    Convert = "", "to the products' numbers";
}

named! {
    /// What else takes time.
    Other:
    LappedPre = "g_a", "lapped filter";
    Embed = "g_a", "patches to 1/8, 1x1";
    Down = "g_a", "down to 1/16, 2x2";
    Logarithm = "h_a", "logarithm of the latents";
    At16 = "h_a", "3x3 at 1/16";
    To32 = "h_a", "4x4 to 1/32";
    To64 = "h_a", "4x4 to 1/64";
    Up32 = "means", "h_s up to 1/32, 1x1";
    Up16 = "means", "h_s up to 1/16, 1x1";
    Hyper = "means", "h_s 3x3";
    Gather = "means", "heads: gather";
    Mix = "means", "heads: mix 1x1";
    Out = "means", "heads: out 1x1";
    Scatter = "means", "contexts: scatter";
    Context = "means", "contexts: 5x5, 3x3";
    ShapeStart = "shapes", "h_s";
    ShapeHeads = "shapes", "heads";
    ShapeContexts = "shapes", "contexts: 5x5, 3x3";
    Gain = "coding", "gain on the latents";
    Symbols = "coding", "latents and means to symbols";
    Note = "coding", "symbols and means to latents";
    Up = "g_s", "up to 1/8, 1x1";
    Patches = "g_s", "patches of pixels, 1x1";
    LayOut = "g_s", "patches to rows of pixels";
    LappedPost = "g_s", "lapped filter";
}

/// A part of coding: nothing else runs on its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A layer of the blocks of a stage.
    Block(Stage, Layer),
    /// Anything else.
    Other(Other),
}

const LAYERS: usize = Layer::NAMES.len();
const BLOCKS: usize = Stage::NAMES.len() * LAYERS;
const PARTS: usize = BLOCKS + Other::NAMES.len();

impl Part {
    fn number(self) -> usize {
        match self {
            Self::Block(stage, layer) => stage as usize * LAYERS + layer as usize,
            Self::Other(other) => BLOCKS + other as usize,
        }
    }
}

/// Network and layer of a part.
fn name(number: usize) -> (&'static str, String) {
    match number.checked_sub(BLOCKS) {
        Some(other) => {
            let (network, layer) = Other::NAMES[other];
            (network, layer.to_owned())
        }
        None => {
            let (network, stage) = Stage::NAMES[number / LAYERS];
            (
                network,
                format!("{stage}: {}", Layer::NAMES[number % LAYERS].1),
            )
        }
    }
}

/// What a part multiplies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Numbers {
    /// `f32`.
    #[default]
    Single,
    /// bfloat16, sums in `f32`.
    Bf16,
    /// Bytes, sums in 32 bits.
    Bytes,
}

impl Numbers {
    const ALL: [Self; 3] = [Self::Single, Self::Bf16, Self::Bytes];
}

/// What a part did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Work {
    /// What it multiplied.
    pub numbers: Numbers,
    /// Multiply-accumulates.
    pub macs: usize,
    /// Bytes of activations read and written, each once.
    pub bytes: usize,
}

impl Work {
    /// Nothing but bytes read and written.
    pub(crate) fn moved(bytes: usize) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }
}

struct Spent {
    nanoseconds: AtomicU64,
    calls: AtomicU64,
    /// Place in [`Numbers::ALL`].
    numbers: AtomicU64,
    macs: AtomicU64,
    bytes: AtomicU64,
}

static WATCHED: AtomicBool = AtomicBool::new(false);
/// Held by whoever watches.
static WATCHER: Mutex<()> = Mutex::new(());
static SPENT: [Spent; PARTS] = [const {
    Spent {
        nanoseconds: AtomicU64::new(0),
        calls: AtomicU64::new(0),
        numbers: AtomicU64::new(0),
        macs: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
    }
}; PARTS];

/// Does `job`, on the time of `part` if somebody watches.
#[inline(always)]
pub(crate) fn timed<T>(part: Part, work: impl FnOnce() -> Work, job: impl FnOnce() -> T) -> T {
    if !WATCHED.load(Ordering::Relaxed) {
        return job();
    }
    let began = Instant::now();
    let result = job();
    add(part, began.elapsed(), work());
    result
}

#[cold]
fn add(part: Part, took: Duration, work: Work) {
    let spent = &SPENT[part.number()];
    spent.numbers.store(work.numbers as u64, Ordering::Relaxed);
    let counts = [
        (&spent.nanoseconds, took.as_nanos() as u64),
        (&spent.calls, 1),
        (&spent.macs, work.macs as u64),
        (&spent.bytes, work.bytes as u64),
    ];
    for (sum, more) in counts {
        sum.fetch_add(more, Ordering::Relaxed);
    }
}

/// What a part took, all threads together.
#[derive(Debug, Clone, PartialEq)]
pub struct Spending {
    /// `g_a`, `h_a`, `means`, `shapes`, `coding` (what lies between them) or `g_s`.
    pub network: &'static str,
    /// Which part of it.
    pub layer: String,
    /// Time.
    pub time: Duration,
    /// How often it ran.
    pub calls: u64,
    /// What it multiplied, if it did.
    pub numbers: Numbers,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes of activations read and written, each once.
    pub bytes: u64,
}

/// Does `job` and says what the parts of coding took in the meantime, in this and in
/// all other threads: those that ran, network by network. Only one can watch at a
/// time; others wait. Parts do not overlap.
pub fn watch<T>(job: impl FnOnce() -> T) -> (T, Vec<Spending>) {
    let _watcher = WATCHER.lock().unwrap_or_else(PoisonError::into_inner);
    for spent in &SPENT {
        for sum in [&spent.nanoseconds, &spent.calls, &spent.macs, &spent.bytes] {
            sum.store(0, Ordering::Relaxed);
        }
    }
    let watched = Watched;
    WATCHED.store(true, Ordering::SeqCst);
    let result = job();
    drop(watched);
    let parts = SPENT.iter().enumerate().map(|(number, spent)| {
        let get = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        let (network, layer) = name(number);
        Spending {
            network,
            layer,
            time: Duration::from_nanos(get(&spent.nanoseconds)),
            calls: get(&spent.calls),
            numbers: Numbers::ALL[get(&spent.numbers) as usize],
            macs: get(&spent.macs),
            bytes: get(&spent.bytes),
        }
    });
    let mut parts: Vec<Spending> = parts.filter(|part| part.calls > 0).collect();
    parts.sort_by_key(|part| NETWORKS.iter().position(|name| *name == part.network));
    (result, parts)
}

/// Ends the watch, whatever the job did.
struct Watched;

impl Drop for Watched {
    fn drop(&mut self) {
        WATCHED.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_counted_while_somebody_watches() {
        let part = Part::Block(Stage::SynthesisCoarse, Layer::Gate);
        let work = || Work {
            numbers: Numbers::Bf16,
            macs: 5,
            bytes: 7,
        };
        let (result, parts) = watch(|| {
            timed(Part::Other(Other::LappedPost), Work::default, || ());
            timed(part, work, || 3)
        });
        assert_eq!(result, 3);
        let found = |layer: &str| {
            parts
                .iter()
                .find(|p| p.network == "g_s" && p.layer == layer)
        };
        let gate = found("blocks at 1/16: gate 1x1").unwrap();
        // Other tests may run networks meanwhile.
        assert!(gate.calls >= 1 && gate.macs >= 5 && gate.bytes >= 7);
        assert!(found("lapped filter").is_some());
        let place = |p: &Spending| NETWORKS.iter().position(|name| *name == p.network).unwrap();
        assert!(parts.is_sorted_by_key(place));
        assert_eq!(name(PARTS - 1), ("g_s", "lapped filter".to_owned()));
    }
}
