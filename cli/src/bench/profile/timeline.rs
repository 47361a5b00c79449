//! A model under a clock: how long the codec spends in it, and what lies between.
//!
//! On one thread, and with a picture of one tile, codec and model take turns: the time
//! from the end of one call to the beginning of the next is the codec's, and which two
//! calls those are says what for.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lic_codec::{
    Area, Asked, Digest, Field, Latents, Model, ModelError, ModelId, Pixels, Plan, Quality,
    Quantiser, Scale,
};

/// Calls of a model, and the two ends of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// The work begins.
    Begin,
    /// [`Model::analyse`].
    Analyse,
    /// [`Model::prepare`].
    Prepare,
    /// [`Latents::plan`].
    Plan,
    /// [`Latents::symbols`].
    Symbols,
    /// [`Latents::accept`].
    Accept,
    /// [`Latents::finish`].
    Finish,
    /// [`Model::synthesise`].
    Synthesise,
    /// The work is done.
    End,
}

/// Time in calls, and from a call to the next.
#[derive(Debug, Clone, Default)]
pub struct Times {
    /// In each call.
    pub calls: BTreeMap<Call, Duration>,
    /// Between the end of a call and the beginning of another.
    pub gaps: BTreeMap<(Call, Call), Duration>,
    /// Symbols of all plans.
    pub symbols: u64,
}

impl Times {
    /// Time in some calls together.
    pub fn of(&self, calls: &[Call]) -> Duration {
        calls.iter().filter_map(|call| self.calls.get(call)).sum()
    }

    /// Time from the end of one kind of call to the beginning of another.
    pub fn between(&self, from: Call, to: Call) -> Duration {
        self.gaps.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Time before calls, from anywhere.
    pub fn before(&self, call: Call) -> Duration {
        let gaps = self.gaps.iter();
        gaps.filter(|((_, to), _)| *to == call)
            .map(|gap| gap.1)
            .sum()
    }

    /// Time after calls, to anywhere.
    pub fn after(&self, call: Call) -> Duration {
        let gaps = self.gaps.iter();
        gaps.filter(|((from, _), _)| *from == call)
            .map(|gap| gap.1)
            .sum()
    }
}

struct State {
    times: Times,
    last: (Call, Instant),
}

/// A clock that one model and its latents share.
pub struct Clock(Mutex<State>);

impl Clock {
    fn new() -> Self {
        Self(Mutex::new(State {
            times: Times::default(),
            last: (Call::Begin, Instant::now()),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, call: Call) {
        let now = Instant::now();
        let mut state = self.state();
        let (from, since) = state.last;
        *state.times.gaps.entry((from, call)).or_default() += now - since;
        state.last = (call, now);
    }

    fn leave(&self, call: Call) {
        let now = Instant::now();
        let mut state = self.state();
        let since = state.last.1;
        *state.times.calls.entry(call).or_default() += now - since;
        state.last = (call, now);
    }

    fn call<T>(&self, call: Call, job: impl FnOnce() -> T) -> T {
        self.enter(call);
        let result = job();
        self.leave(call);
        result
    }
}

/// A model that looks at a clock.
pub struct Watched<'a> {
    model: &'a dyn Model,
    clock: Clock,
}

impl<'a> Watched<'a> {
    /// Begins to count.
    pub fn new(model: &'a dyn Model) -> Self {
        Self {
            model,
            clock: Clock::new(),
        }
    }

    /// The work is done.
    pub fn end(self) -> Times {
        self.clock.enter(Call::End);
        let state = self.clock.0.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).times
    }

    fn watched<'b>(&'b self, latents: Box<dyn Latents + 'b>) -> Box<dyn Latents + 'b> {
        Box::new(WatchedLatents {
            latents,
            clock: &self.clock,
        })
    }
}

impl Model for Watched<'_> {
    fn id(&self) -> ModelId {
        self.model.id()
    }

    fn key(&self) -> &str {
        self.model.key()
    }

    fn digest(&self) -> Digest {
        self.model.digest()
    }

    fn sections(&self) -> &[usize] {
        self.model.sections()
    }

    fn stride(&self) -> u32 {
        self.model.stride()
    }

    fn alignment(&self) -> u32 {
        self.model.alignment()
    }

    fn margin(&self) -> u32 {
        self.model.margin()
    }

    fn channels(&self) -> usize {
        self.model.channels()
    }

    fn gains_from_filters(&self) -> bool {
        self.model.gains_from_filters()
    }

    fn has_trellis(&self) -> bool {
        self.model.has_trellis()
    }

    fn sections_at(&self, scale: Scale) -> usize {
        self.model.sections_at(scale)
    }

    fn memory(&self, width: u32, height: u32) -> u64 {
        self.model.memory(width, height)
    }

    fn analyse(
        &self,
        window: &Pixels,
        keep: Area,
        tile: (u32, u32),
        asked: &Asked<'_>,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        let analyse = || self.model.analyse(window, keep, tile, asked);
        Ok(self.watched(self.clock.call(Call::Analyse, analyse)?))
    }

    fn prepare(
        &self,
        width: u32,
        height: u32,
        quantiser: Quantiser,
    ) -> Result<Box<dyn Latents + '_>, ModelError> {
        let prepare = || self.model.prepare(width, height, quantiser);
        Ok(self.watched(self.clock.call(Call::Prepare, prepare)?))
    }

    fn synthesise(
        &self,
        window: Field,
        keep: Area,
        quality: Quality,
    ) -> Result<Pixels, ModelError> {
        let synthesise = || self.model.synthesise(window, keep, quality);
        self.clock.call(Call::Synthesise, synthesise)
    }
}

struct WatchedLatents<'a> {
    latents: Box<dyn Latents + 'a>,
    clock: &'a Clock,
}

impl Latents for WatchedLatents<'_> {
    fn plan(&mut self, step: usize) -> Result<Plan, ModelError> {
        let Self { latents, clock } = self;
        let plan = clock.call(Call::Plan, || latents.plan(step))?;
        clock.state().times.symbols += plan.len() as u64;
        Ok(plan)
    }

    fn symbols(&mut self, step: usize) -> Result<Vec<i32>, ModelError> {
        let Self { latents, clock } = self;
        clock.call(Call::Symbols, || latents.symbols(step))
    }

    fn accept(&mut self, step: usize, symbols: &[i32]) -> Result<(), ModelError> {
        let Self { latents, clock } = self;
        clock.call(Call::Accept, || latents.accept(step, symbols))
    }

    fn skip(&mut self, step: usize) -> Result<(), ModelError> {
        let Self { latents, clock } = self;
        clock.call(Call::Accept, || latents.skip(step))
    }

    fn finish(self: Box<Self>) -> Result<Field, ModelError> {
        let Self { latents, clock } = *self;
        clock.call(Call::Finish, || latents.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lic_codec::{Channels, Decoder, EncodeOptions, Image, Null, encode};

    #[test]
    fn all_time_is_someones_and_nothing_changes() {
        let samples: Vec<u8> = (0..96 * 64 * 3).map(|i| (i / 700) as u8).collect();
        let image = Image::new(96, 64, Channels::Rgb, samples).unwrap();
        let options = EncodeOptions::new(Quality::new(95).unwrap());
        let mut file = Vec::new();
        let watched = Watched::new(&Null);
        let began = Instant::now();
        encode(&image, &watched, &options, &mut file).unwrap();
        let times = watched.end();
        let sum =
            |times: &Times| -> Duration { times.calls.values().chain(times.gaps.values()).sum() };
        assert!(sum(&times) <= began.elapsed() + Duration::from_millis(1));
        assert!(times.gaps.contains_key(&(Call::Symbols, Call::Accept)));
        assert!(times.symbols > 0);

        let watched = Watched::new(&Null);
        let back = Decoder::new(&file[..]).decode(&watched).unwrap();
        let times = watched.end();
        assert_eq!(back, Decoder::new(&file[..]).decode(&Null).unwrap());
        assert!(times.gaps.contains_key(&(Call::Plan, Call::Accept)));
        assert!(times.before(Call::Synthesise) > Duration::ZERO);
        assert!(!times.calls.contains_key(&Call::Symbols));
    }
}
