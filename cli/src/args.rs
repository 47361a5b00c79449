//! What can be typed, and every word of help: the doc comments here are the help.

mod bench;
mod clips;
mod decode;
mod encode;
mod many;

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use lic_codec::{Quality, QualityError};
use lic_models::train::Objective;
use lic_models::{Backend, MODELS};

pub use bench::{Bench, Peer, Peers};
pub use clips::Clips;
pub use decode::{Decode, FileLimits};
pub use encode::{Aim, Encode};
pub use many::{Form, Many};

/// A learned image and video codec.
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
    /// Encode pictures or a video
    ///
    /// With -o, all names are pictures or folders of them, and DIR/NAME.lic is made of
    /// each, on all cores. What is in DIR already is skipped; a picture that fails does
    /// not stop the others, and makes the exit code 1. Without -o, the second name is the
    /// file to write, and is replaced if it is there.
    ///
    /// Reads PNG, JPEG, WebP and PNM, grey or in colour, of 8 or 16 bits a sample, with
    /// or without alpha. ICC profile, EXIF and XMP are kept, other metadata are not;
    /// the EXIF orientation is kept and not applied. Animations are refused.
    ///
    /// A video is y4m, in a file or a pipe, or a sequence of numbered pictures; built with
    /// FFmpeg, whatever that reads. Frames are written as they come, so that a clip can
    /// be watched while it is made; with a target it is encoded several times.
    ///
    /// Examples:
    ///   lic encode in.png out.lic
    ///   lic encode *.jpg -o small/
    ///   lic encode pictures/ -o small/ -q 70 --dry-run
    ///   lic encode clip.y4m clip.lic --gop 50
    ///   lic encode frames/%04d.png clip.lic --fps 24 --bitrate 400k
    ///   ffmpeg -i clip.mp4 -f yuv4mpegpipe - | lic encode - clip.lic
    #[command(verbatim_doc_comment)]
    Encode(Encode),
    /// Decode files to pictures, or a clip to frames
    ///
    /// With -o, all names are files or folders of them, and DIR/NAME.png is made of each,
    /// on all cores. What is in DIR already is skipped; a file that fails does not stop
    /// the others, and makes the exit code 1. Without -o, the second name is the picture
    /// to write, and is replaced if it is there.
    ///
    /// A clip becomes y4m, in a file or a pipe, or numbered pictures; built with FFmpeg,
    /// .mkv (FFV1) or .mp4 (H.264 without loss) too.
    ///
    /// Examples:
    ///   lic decode out.lic back.png
    ///   lic decode small/ -o back/ --format webp
    ///   lic decode clip.lic back.y4m --frames 100..200
    ///   lic decode clip.lic frames/%04d.png
    ///   lic decode clip.lic - | ffplay -
    #[command(verbatim_doc_comment)]
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
    ///   lic bench pictures/ --speed --threads 2
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
    /// Model to encode with; `lic models` lists them [default: mse]
    #[arg(long = "model", value_name = "KEY", value_parser = model_key(), conflicts_with = "tune")]
    model: Option<String>,
    /// What the picture is to be good in: the model that was trained for it
    /// [default: psnr]
    #[arg(long, value_name = "MEASURE")]
    tune: Option<Tune>,
}

/// A measure that a model was trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tune {
    /// Least squared error.
    Psnr,
    /// Structure as people see it: softer noise, sharper texture.
    MsSsim,
}

impl ModelKey {
    /// The key of the model.
    pub fn key(&self) -> &str {
        let objective = match self.tune {
            None | Some(Tune::Psnr) => Objective::Mse,
            Some(Tune::MsSsim) => Objective::MsSsim,
        };
        let tuned = MODELS.iter().find(|row| row.tuned_for == objective);
        let tuned = tuned.map_or("mse", |row| row.key);
        self.model.as_deref().unwrap_or(tuned)
    }
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
        if let Err(error) = cli.check() {
            error.exit();
        }
        cli
    }

    /// What clap has no words for.
    fn check(&self) -> Result<(), clap::Error> {
        let (name, checked) = match &self.command {
            Command::Encode(encode) => ("encode", encode.check()),
            Command::Decode(decode) => ("decode", decode.check()),
            _ => return Ok(()),
        };
        checked.map_err(|(kind, text)| {
            let mut command = Self::command();
            // With the usage of the subcommand, if it is there, and it is.
            match command.find_subcommand_mut(name) {
                Some(subcommand) => subcommand.error(kind, text),
                None => command.error(kind, text),
            }
        })
    }
}

fn quality(text: &str) -> Result<Quality, String> {
    text.trim()
        .parse()
        .map_err(|error: QualityError| error.to_string())
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|x: &f64| x.is_finite() && *x > 0.0);
    number.ok_or_else(|| "a number above 0 is needed".to_owned())
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
        let cli = Cli::try_parse_from(line.split_whitespace())?;
        cli.check().map(|()| cli)
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
            "lic encode a b c -o d --overwrite --dry-run --json",
            "lic encode -o d a --progressive",
            "lic encode a.png -o d.lic/",
            "lic encode - - --progressive",
            "lic decode a b c -o d --format jpg --dry-run",
            "lic decode a b --max-streams 9",
            "lic encode a.y4m b --gop 0 --bitrate 1.5M --fps 30000/1001 --matrix bt709",
            "lic decode a b.y4m --frames 3..",
            "lic decode a b.y4m --frames ..9",
            "lic bench d -q 5,10",
            "lic bench kodak --data d --peers webp,avif --jobs 2 --report out",
            "lic bench d --peers none",
            "lic bench d --speed --threads 2 --json - --megapixels 0.1,3",
            "lic bench kodak --data d --profile -q 40",
            "lic compare a b --json",
            "lic completions fish",
            "lic man",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "lic",
            "lic encode a",
            "lic encode a b c",
            "lic encode a b --overwrite",
            "lic encode a b --dry-run",
            "lic encode -o d",
            "lic encode - -o d",
            "lic encode a -o -",
            "lic encode a -o a.lic",
            "lic encode a - --json",
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
            "lic decode a",
            "lic decode a -o a.png",
            "lic decode a b --format png",
            "lic decode a b --json",
            "lic decode a b -o d --format gif",
            "lic decode a b --threads 0",
            "lic encode a b --bitrate 100k --target-bpp 1",
            "lic encode a b --bitrate 0",
            "lic encode a b --fps 25/0",
            "lic encode a b --matrix rgb",
            "lic decode a b --frames 9..3",
            "lic decode a b --frames 7",
            "lic decode a b --region 1,2,3",
            "lic decode a b --region 1,2,0,4",
            "lic decode a b --scale 1/3",
            "lic bench d -q 5,,10",
            "lic bench d --limit 0",
            "lic bench d --peers gif",
            "lic bench d --jobs 0",
            "lic bench d --speed --profile",
            "lic bench d --megapixels 2",
            "lic bench d --speed --megapixels 0",
            "lic bench d --speed --megapixels 1e6",
            "lic bench d --speed --peers none",
            "lic bench d --profile --report out",
            "lic compare a",
            "lic completions ash",
            "lic train r --json --export d",
        ] {
            let error = parse(bad).expect_err(bad);
            assert_eq!(error.exit_code(), 2, "{bad}");
        }
    }
}
