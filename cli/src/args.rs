//! What can be typed, and every word of help: the doc comments here are the help.

mod bench;

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use lic_codec::{Area, Quality, QualityError, Scale};
use lic_models::{Backend, MODELS};

pub use bench::{Bench, Peer, Peers};

/// A learned image codec.
///
/// Data go to standard output, words to standard error; `-` is standard input or
/// output. Exit code 0: done; 1: the work failed, and one line says why; 2: the
/// command makes no sense.
#[derive(Debug, Parser)]
#[command(name = "lic", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Say nothing but errors; draw no progress bar
    #[arg(long, global = true)]
    pub quiet: bool,
}

/// The subcommands, in the order of `lic --help`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Encode a picture
    ///
    /// Reads PNG, JPEG, WebP and PNM of 8 bits a sample, in colour or grey. Pictures
    /// of 16 bits and pictures with transparent pixels are refused. Metadata and
    /// colour profiles are not kept, and the EXIF orientation is not applied.
    Encode(Encode),
    /// Decode a file to a picture
    Decode(Decode),
    /// Say what is in a file
    Info(Info),
    /// Say how alike two pictures are
    ///
    /// Prints PSNR, MS-SSIM and SSIMULACRA2 of the 8-bit samples, and PSNR and
    /// MS-SSIM of every plane: red, green, blue, and luma after BT.601. PSNR and
    /// MS-SSIM are those of the papers on learned codecs: over all RGB samples.
    Compare(Compare),
    /// Measure rate, quality and speed, beside other codecs and published results
    ///
    /// Every picture is encoded at every quality and decoded from the bytes, by this
    /// program and by the peers that are installed. PSNR, MS-SSIM and SSIMULACRA2
    /// are those of the decoded 8-bit pictures; speeds are wall time, of this
    /// program after a warm-up and without files, of the others with their start
    /// and their files. If the pictures are the 24 of Kodak, published results
    /// stand beside them.
    ///
    /// Examples:
    ///   lic bench pictures/
    ///   lic bench kodak --data DIR --report out/
    ///   lic bench kodak --data DIR --peers none --json figures.json
    #[command(verbatim_doc_comment)]
    Bench(Bench),
    /// List the models in this program
    Models(Models),
    /// Train a model after a recipe
    ///
    /// Goes on from the newest checkpoint of the run, if there is one. To stop,
    /// create a file named `stop` in the run's folder: the step is finished and a
    /// checkpoint written. Ctrl-C ends at once and loses the steps since the last
    /// checkpoint, which the recipe's `log.checkpoint` bounds.
    Train(Train),
    /// Print the completions of a shell
    ///
    /// For bash: lic completions bash > ~/.local/share/bash-completion/completions/lic
    Completions(Completions),
    /// Print the manual page
    Man(Man),
}

/// `lic encode`.
#[derive(Debug, Args)]
pub struct Encode {
    /// Picture to read; `-` is standard input
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// File to write; `-` is standard output
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// The quality, or what it is to be searched for.
    #[command(flatten)]
    pub aim: Aim,
    /// The model.
    #[command(flatten)]
    pub model: ModelKey,
    /// Longest side of a tile in pixels; smaller tiles take less memory and more bytes
    /// [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub tile: Option<u32>,
    /// Where it runs.
    #[command(flatten)]
    pub machine: Machine,
    /// Print a JSON object about the file on standard output
    #[arg(long)]
    pub json: bool,
}

/// How good the picture or how large the file is to be; one of them.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Aim {
    /// Quality, 1 (smallest file) to 100 (best picture), in steps of 0.5 [default: 50]
    #[arg(short, long, value_name = "1..100", value_parser = quality)]
    pub quality: Option<Quality>,
    /// Search for the quality whose file comes closest to this many bits a pixel
    #[arg(long, value_name = "BITS", value_parser = positive)]
    pub target_bpp: Option<f64>,
    /// Search for the quality whose picture comes closest to this PSNR
    #[arg(long, value_name = "DB", value_parser = positive)]
    pub target_psnr: Option<f64>,
    /// Search for the quality whose picture comes closest to this MS-SSIM
    #[arg(long, value_name = "0..1", value_parser = below_one)]
    pub target_ms_ssim: Option<f64>,
}

/// `lic decode`.
#[derive(Debug, Args)]
pub struct Decode {
    /// File to read; `-` is standard input
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// Picture to write: .png, .jpg, .ppm, .pgm, .pnm or .webp (lossless); `-` is PNG on
    /// standard output
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// Decode this part of the picture only, in pixels
    #[arg(long, value_name = "X,Y,W,H", value_parser = region)]
    pub region: Option<Area>,
    /// Make the picture smaller; quicker than decoding all of it
    #[arg(long, value_name = "1/N", value_parser = scale, default_value = "1")]
    pub scale: Scale,
    /// Decode a file that ends too soon as far as it goes
    #[arg(long)]
    pub partial: bool,
    /// Fill in for damaged parts of the file; exit code 3 if there were any
    #[arg(long)]
    pub conceal: bool,
    /// Where the model runs.
    #[command(flatten)]
    pub machine: Machine,
    /// What the file may ask for.
    #[command(flatten)]
    pub limits: FileLimits,
}

/// What a file may ask for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct FileLimits {
    /// Refuse pictures of more pixels [default: 134217728]
    #[arg(long, value_name = "N")]
    pub max_pixels: Option<u64>,
    /// Refuse files that take more memory to decode [default: 8192]
    #[arg(long, value_name = "MIB")]
    pub max_memory: Option<u64>,
    /// Refuse files of more streams: sections and alpha of all tiles [default: 262144]
    #[arg(long, value_name = "N")]
    pub max_streams: Option<u64>,
}

/// `lic info`.
#[derive(Debug, Args)]
pub struct Info {
    /// File to read; `-` is standard input
    pub file: PathBuf,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
    /// Decode the symbols and print their SHA-256 alone: two machines that print
    /// the same one decode the file alike
    #[arg(long)]
    pub symbols: bool,
    /// Where the model runs.
    #[command(flatten)]
    pub machine: Machine,
}

/// `lic compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// Picture to compare with; `-` is standard input
    #[arg(value_name = "A")]
    pub original: PathBuf,
    /// Picture of the same size
    #[arg(value_name = "B")]
    pub other: PathBuf,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

/// `lic completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// `lic man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Write the pages of all subcommands too, one file each, into this folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `lic models`.
#[derive(Debug, Args)]
pub struct Models {
    /// Print a JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// `lic train`.
#[derive(Debug, Args)]
pub struct Train {
    /// Recipe to follow, a TOML file; its paths start at the current folder
    pub recipe: PathBuf,
    /// The run's folder: log and checkpoints [default: runs/ and the recipe's name]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Train nothing: write the three weight files of the newest checkpoint here
    #[arg(long, value_name = "DIR")]
    pub export: Option<PathBuf>,
    /// Print the log on standard output, a JSON object a line
    #[arg(long, conflicts_with = "export")]
    pub json: bool,
    /// Where the model is trained.
    #[command(flatten)]
    pub machine: Machine,
}

/// Which model encodes.
#[derive(Debug, Args)]
pub struct ModelKey {
    /// Model to encode with
    #[arg(long = "model", value_name = "KEY", default_value = "mse", value_parser = model_key())]
    pub key: String,
}

/// Where models run.
#[derive(Debug, Args)]
pub struct Machine {
    /// Where the networks run
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = device())]
    pub device: Backend,
    /// Threads to use [default: RAYON_NUM_THREADS, or as many as there are cores];
    /// libtorch also reads OMP_NUM_THREADS
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
}

impl Cli {
    /// Parses the command line; ends the program where it makes no sense.
    pub fn from_command_line() -> Self {
        let cli = Self::parse();
        if let Command::Encode(encode) = &cli.command
            && encode.json
            && encode.output == Path::new("-")
        {
            let text = "--json and OUT `-` both want standard output";
            let mut command = Self::command();
            command.error(ErrorKind::ArgumentConflict, text).exit();
        }
        cli
    }
}

fn quality(text: &str) -> Result<Quality, String> {
    text.trim()
        .parse()
        .map_err(|error: QualityError| error.to_string())
}

fn region(text: &str) -> Result<Area, String> {
    let numbers: Option<Vec<u32>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[x, y, width, height]) if width > 0 && height > 0 => Ok(Area {
            x,
            y,
            width,
            height,
        }),
        _ => Err("a region is X,Y,W,H: its left, its top, its width and its height".to_owned()),
    }
}

fn scale(text: &str) -> Result<Scale, String> {
    let divisor = text.trim().strip_prefix("1/").unwrap_or(text.trim());
    let divisor = divisor.parse().unwrap_or(0);
    let found = Scale::ALL.into_iter().find(|s| s.divisor() == divisor);
    found.ok_or_else(|| "a scale is one of 1, 1/2, 1/4, 1/8 and 1/16".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|x: &f64| x.is_finite() && *x > 0.0);
    number.ok_or_else(|| "a number above 0 is needed".to_owned())
}

fn below_one(text: &str) -> Result<f64, String> {
    let number = positive(text).ok().filter(|x| *x < 1.0);
    number.ok_or_else(|| "MS-SSIM is a number between 0 and 1".to_owned())
}

/// The keys of the models, model 0 last.
fn model_key() -> PossibleValuesParser {
    let keys = MODELS.iter().map(|row| row.key);
    PossibleValuesParser::new(keys.chain(["null"]))
}

fn device() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(Backend::ALL.map(Backend::name))
        .try_map(|name| name.parse::<Backend>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn qualities_and_targets_are_checked() {
        for good in [
            "lic encode a b",
            "lic encode - - -q 1",
            "lic encode a b -q 100 --threads 2 --device libtorch --quiet",
            "lic encode a b --target-bpp 0.5 --model null",
            "lic encode a b -q 50.5 --tile 512",
            "lic decode a b --region 1,2,3,4 --scale 1/8 --partial --conceal",
            "lic bench d -q 5,10",
            "lic bench kodak --data d --peers webp,avif --jobs 2 --report out",
            "lic bench d --peers none",
            "lic compare a b --json",
            "lic completions fish",
            "lic man",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "lic",
            "lic encode a",
            "lic encode a b -q 0",
            "lic encode a b -q 101",
            "lic encode a b -q 50 --target-psnr 30",
            "lic encode a b --target-bpp 0.5 --target-psnr 30",
            "lic encode a b --target-bpp nan",
            "lic encode a b --target-bpp -1",
            "lic encode a b --target-ms-ssim 1",
            "lic encode a b --model none",
            "lic encode a b --device abacus",
            "lic encode a b -q 50.3",
            "lic encode a b --tile 0",
            "lic decode a b --threads 0",
            "lic decode a b --region 1,2,3",
            "lic decode a b --region 1,2,0,4",
            "lic decode a b --scale 1/3",
            "lic bench d -q 5,,10",
            "lic bench d --limit 0",
            "lic bench d --peers gif",
            "lic bench d --jobs 0",
            "lic compare a",
            "lic completions ash",
            "lic train r --json --export d",
        ] {
            let error = parse(bad).expect_err(bad);
            assert_eq!(error.exit_code(), 2, "{bad}");
        }
    }
}
