//! Measures pictures, some at the same time, and passes over what has been measured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use indicatif::ProgressBar;

use super::codec::{Codec, Conditions, Source, key, measure};
use super::points::{Point, Store};
use crate::progress;
use crate::report::Words;

/// What is to be measured.
pub struct Queue<'a> {
    /// This program's codec: if it fails, so does the bench.
    pub ours: &'a dyn Codec,
    /// The others: one that fails is left out.
    pub peers: Vec<&'a dyn Codec>,
    /// The pictures.
    pub paths: &'a [PathBuf],
    /// Where points are kept.
    pub store: &'a Store,
    /// Threads and jobs.
    pub conditions: Conditions,
    /// Whether progress is shown.
    pub words: Words,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// By picture, codec, setting; none of a codec that failed.
    pub points: Vec<Point>,
    /// Keys of the codecs that failed, and why.
    pub failed: BTreeMap<String, String>,
}

impl Queue<'_> {
    /// Points that a whole bench has.
    fn length(&self) -> u64 {
        let settings = |codec: &&dyn Codec| codec.settings().len();
        let peers = self.peers.iter().map(settings).sum::<usize>();
        ((settings(&self.ours) + peers) * self.paths.len()) as u64
    }

    /// Measures everything.
    ///
    /// # Errors
    /// If a picture cannot be read, our codec fails, points cannot be written, or
    /// those of the file are another build's.
    pub fn run(&self) -> Result<Outcome> {
        self.warm_up()?;
        let bar = progress::bar(self.words, self.length());
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(BTreeMap::new());
        let results = Mutex::new(Vec::new());
        let worker = || {
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let Some(path) = self.paths.get(i) else { break };
                let points = self.picture(path, &failed, &bar);
                if points.is_err() {
                    // Nobody begins another picture.
                    next.store(self.paths.len(), Ordering::Relaxed);
                }
                lock(&results).push((i, points));
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.conditions.jobs {
                scope.spawn(worker);
            }
        });
        bar.finish_and_clear();
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(i, _)| *i);
        let mut points = Vec::new();
        for (_, result) in results {
            points.extend(result?);
        }
        points.retain(|point: &Point| !failed.contains_key(&point.codec));
        Ok(Outcome { points, failed })
    }

    /// What is only slow the first time is not the codec's speed. The point is good
    /// for one more thing: it tells whether kept ones are this build's.
    fn warm_up(&self) -> Result<()> {
        let (Some(path), Some(&setting)) = (self.paths.first(), self.ours.settings().first())
        else {
            return Ok(());
        };
        let context = || path.display().to_string();
        let source = Source::open(path)?;
        let point = measure(self.ours, &source, setting, self.conditions);
        self.store.check(&point.with_context(context)?)
    }

    fn picture(
        &self,
        path: &Path,
        failed: &Mutex<BTreeMap<String, String>>,
        bar: &ProgressBar,
    ) -> Result<Vec<Point>> {
        let context = || path.display().to_string();
        let source = Source::open(path)?;
        bar.set_message(source.name.clone());
        let mut points = self.codec(self.ours, &source, bar).with_context(context)?;
        for &peer in &self.peers {
            let key = &peer.about().key;
            if lock(failed).contains_key(key) {
                continue;
            }
            match self.codec(peer, &source, bar) {
                Ok(more) => points.extend(more),
                Err(error) => {
                    let reason = format!("{}: {error:#}", path.display());
                    lock(failed).insert(key.clone(), reason);
                }
            }
        }
        Ok(points)
    }

    fn codec(&self, codec: &dyn Codec, source: &Source, bar: &ProgressBar) -> Result<Vec<Point>> {
        let mut points = Vec::new();
        for &setting in codec.settings() {
            let kept = self
                .store
                .get(&key(codec, source, setting, self.conditions));
            points.push(match kept {
                Some(point) => Point {
                    // The file may have been renamed since.
                    picture: source.name.clone(),
                    ..point.clone()
                },
                None => {
                    let point = measure(codec, source, setting, self.conditions)
                        .with_context(|| format!("{} {setting}", codec.about().setting))?;
                    self.store.add(&point)?;
                    point
                }
            });
            bar.inc(1);
        }
        Ok(points)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind these locks is whole after every push.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
