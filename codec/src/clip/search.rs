//! How an encoder finds motion: block by block what costs least, in what is left over and
//! in bits. A decoder is not concerned.

use super::luma::{Luma, Searched};
use super::motion::{PART, parts};
use super::motion_stream::{Nowhere, Walk};
use super::movement::{Movement, Pattern, Side};
use super::track::Expected;
use super::vector::{Target, coarse};
use crate::chance::Price;
use crate::model::Quality;

/// Side of a part of a block.
const HALF: i32 = PART as i32;
/// Pixels around a part of a block that are compared too, since parts overlap.
const OVERLAP: i32 = 2;

/// A block that is merged and differs by less than so many bits are worth is not looked at
/// any longer.
const SETTLED: f64 = 12.0;

/// Motion that was found, and how well it explains the frame.
pub(super) struct Found {
    pub movement: Movement,
    /// What is left of luma after motion, as a part of what there is without any frame
    /// before: from about 1 on, the frame before is of no use.
    pub left: f64,
}

/// Looks for the motion that makes `now` from the frames before and, if there are two,
/// after. Blocks that are `held` do not move.
pub(super) fn search(
    now: &Luma,
    sources: &[&Searched],
    expected: Option<&Expected>,
    quality: Quality,
    held: impl Fn(usize, usize) -> bool,
) -> Found {
    let (width, height) = (now.w as u32, now.h as u32);
    let walk = Walk::new(width, height, sources.len() > 1, expected);
    let smaller = now.smaller();
    let size = walk.movement.size();
    let looking = sources.iter();
    let coarse = looking.map(|source| coarse(&smaller, &source.coarse, size));
    let mut looking = Looking {
        now,
        sources,
        coarse: coarse.collect(),
        price: price(quality),
        walk,
        scratch: Default::default(),
    };
    let (mut left, mut flat) = (0.0, 0.0);
    for (x, y) in looking.walk.movement.places() {
        let pattern = if held(x, y) {
            looking.still()
        } else {
            looking.block(x, y)
        };
        looking.go_on((x, y), &pattern);
        left += f64::from(looking.differs((x, y), 0, &pattern));
        for (x, y) in parts(x, y) {
            flat += f64::from(now.flatness(now.square(x as i32 * HALF, y as i32 * HALF, HALF, 0)));
        }
    }
    // Noise of a level or so in a flat picture is no scene.
    let pixels = f64::from(now.w) * f64::from(now.h);
    Found {
        movement: looking.walk.movement,
        left: left / (flat + 4.0 * pixels),
    }
}

/// A frame whose motion is looked for, block by block.
struct Looking<'a> {
    now: &'a Luma,
    sources: &'a [&'a Searched],
    /// By source.
    coarse: Vec<Vec<[i32; 2]>>,
    price: f64,
    /// What was found so far, and what it took.
    walk: Walk<'a>,
    scratch: [Vec<i16>; 2],
}

impl Looking<'_> {
    fn still(&self) -> Pattern {
        Pattern::whole(Side::unsaid(self.sources.len() > 1), [[0; 2]; 2])
    }

    /// Goes on to the next block.
    fn go_on(&mut self, place: (usize, usize), pattern: &Pattern) {
        let Ok(()) = self.walk.block(&mut Nowhere, place, pattern) else {
            unreachable!("nothing is read")
        };
    }

    /// What a block costs: how much it differs, and its bits.
    fn cost(&mut self, place: (usize, usize), pattern: &Pattern) -> f64 {
        let mut price = Price::default();
        let Ok(()) = self.walk.block(&mut price, place, pattern) else {
            unreachable!("nothing is read")
        };
        f64::from(self.differs(place, OVERLAP, pattern)) + self.price * price.bits
    }

    /// How much the parts of a block, with pixels around each, differ from what a pattern
    /// makes of them.
    fn differs(&mut self, (x, y): (usize, usize), around: i32, pattern: &Pattern) -> i32 {
        let mut sum = 0;
        for (i, (x, y)) in parts(x, y).into_iter().enumerate() {
            let area = self
                .now
                .square(x as i32 * HALF, y as i32 * HALF, HALF, around);
            let [one, other] = &mut self.scratch;
            let fill = |way: usize, out: &mut Vec<i16>| {
                let vector = pattern.vectors[way][i].map(i32::from);
                self.sources[way].displaced(area, vector, out);
            };
            sum += match pattern.side {
                Side::Both => {
                    fill(0, one);
                    fill(1, other);
                    self.now.differs_from_mean(area, one, other)
                }
                side => {
                    fill(usize::from(side == Side::After), one);
                    self.now.differs_from(area, one)
                }
            };
        }
        sum
    }

    /// Finds what a block is made from.
    fn block(&mut self, x: usize, y: usize) -> Pattern {
        let place = (x, y);
        let sources = self.walk.sources(x, y);
        let merged: Vec<Pattern> = sources.into_iter().flatten().collect();
        let Some(best) = self.cheapest(place, merged.iter().copied()) else {
            return self.still();
        };
        // What a vector would save is not worth its bits.
        if f64::from(self.differs(place, OVERLAP, &best)) < SETTLED * self.price {
            return best;
        }
        let (mut whole, mut divided) = ([[0; 2]; 2], [[[0; 2]; 4]; 2]);
        for way in 0..self.sources.len() {
            let near = merged.iter().filter(|pattern| pattern.side.uses(way));
            let mut starts: Vec<_> = near.flat_map(|pattern| pattern.vectors[way]).collect();
            starts.dedup();
            let coarse = self.coarse[way][y * self.walk.movement.size()[0] + x];
            starts.push(coarse.map(|v| v as i16));
            whole[way] = self.area(way, parts(x, y)[0], true).find(&starts);
            divided[way] = self.parts(way, place, whole[way]);
        }
        let mut choices = vec![best];
        let sides: &[Side] = if self.sources.len() > 1 {
            choices.extend(self.both(place, whole, &sources));
            &[Side::Both, Side::Before, Side::After]
        } else {
            &[Side::Before]
        };
        for &side in sides {
            choices.push(Pattern::whole(side, whole));
            let vectors = divided;
            choices.push(Pattern { side, vectors });
        }
        self.cheapest(place, choices.into_iter()).unwrap_or(best)
    }

    fn cheapest(
        &mut self,
        place: (usize, usize),
        choices: impl Iterator<Item = Pattern>,
    ) -> Option<Pattern> {
        let costs = choices.map(|pattern| (self.cost(place, &pattern), pattern));
        let best = costs.min_by(|a, b| a.0.total_cmp(&b.0));
        best.map(|(_, pattern)| pattern)
    }

    /// The best vectors of the parts of a block that has `whole` itself.
    fn parts(&mut self, way: usize, (x, y): (usize, usize), whole: [i16; 2]) -> [[i16; 2]; 4] {
        self.walk.movement.ways[way].set_block(x, y, whole);
        parts(x, y).map(|place| {
            let vector = self.area(way, place, false).find(&[whole]);
            self.walk.movement.ways[way].set(place.0, place.1, vector);
            vector
        })
    }

    /// Vectors to both sides that are found beside each other: what is best alone is not
    /// what makes the best mean. Four clips take 0.1 to 0.6 % less (BD-rate in PSNR).
    fn both(
        &mut self,
        (x, y): (usize, usize),
        alone: [[i16; 2]; 2],
        sources: &[Option<Pattern>],
    ) -> Vec<Pattern> {
        let place = parts(x, y)[0];
        let beside = |way: usize, vectors: [[i16; 2]; 2]| {
            let mut other = Vec::new();
            let mut area = self.area(way, place, true);
            let shift = vectors[1 - way].map(i32::from);
            self.sources[1 - way].displaced(area.area, shift, &mut other);
            area.beside = Some(&other);
            let mut found = vectors;
            found[way] = area.improve(vectors[way]);
            found
        };
        let mut found = vec![beside(0, beside(1, alone)), beside(1, beside(0, alone))];
        let expected = sources.first().and_then(Option::as_ref);
        if let Some(expected) = expected.filter(|expected| expected.side == Side::Both) {
            let vectors = expected.vectors.map(|parts| parts[3]);
            found.push(beside(0, beside(1, vectors)));
        }
        let patterns = found.into_iter();
        patterns
            .map(|vectors| Pattern::whole(Side::Both, vectors))
            .collect()
    }

    /// What a vector is looked for: a part, or the whole block that begins there.
    fn area(&self, way: usize, place: (usize, usize), whole: bool) -> Target<'_> {
        let (left, top) = (place.0 as i32 * HALF, place.1 as i32 * HALF);
        let area = if whole {
            self.now.square(left, top, 2 * HALF, 2 * OVERLAP)
        } else {
            self.now.square(left, top, HALF, OVERLAP)
        };
        let expected = self.walk.movement.ways[way].expected(place, whole);
        Target {
            now: self.now,
            source: self.sources[way],
            area,
            beside: None,
            expected: expected.map(i32::from),
            price: self.price,
        }
    }
}

/// Bits a pixel that a squared error of a level is worth: the Lagrangian that standard
/// models are trained with.
pub(super) fn lambda(quality: Quality) -> f64 {
    0.0004 * 1000f64.powf((f64::from(quality.get()) - 1.0) / 99.0)
}

/// What a bit of motion is worth, in sums of absolute differences of 10 bits over an
/// area with its surroundings: a fifth of the quantiser's step for a bit. The step
/// is that of a standard model's gain: 44 levels at a Lagrangian of 0.013. By 0.14 and 0.28
/// of it four clips take as much and 0.8 % more in the mean (BD-rate in PSNR).
fn price(quality: Quality) -> f64 {
    let step = 44.0 * (0.013 / lambda(quality)).sqrt();
    let side = f64::from(HALF + 2 * OVERLAP);
    0.2 * step * 4.0 * side * side / f64::from(HALF * HALF)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something with structure of several sizes, displaced.
    fn picture(w: u32, h: u32, dx: i32, dy: i32) -> Vec<u16> {
        let hash = |x: i32, y: i32| {
            let n = (x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663)) as u32;
            n.wrapping_mul(2_654_435_761) >> 18
        };
        let at = |x: i32, y: i32| {
            let (x, y) = (x + 1000, y + 1000);
            let smooth = hash(x / 24, y / 24) + hash((x + 7) / 11, y / 9) / 2 + hash(x, y) / 16;
            (smooth * 2).min(65_535) as u16
        };
        (0..w * h)
            .flat_map(|i| [at((i % w) as i32 + dx, (i / w) as i32 + dy); 3])
            .collect()
    }

    fn found(now: &Luma, before: &Luma, quality: Quality) -> Found {
        let before = Searched::new(before.clone());
        search(now, &[&before], None, quality, |_, _| false)
    }

    #[test]
    fn a_pan_is_found() {
        let (w, h) = (96, 80);
        for (dx, dy) in [(0, 0), (3, 0), (-5, 2), (17, -9)] {
            let before = Luma::of(&picture(w, h, 0, 0), w, h);
            let now = Luma::of(&picture(w, h, dx, dy), w, h);
            let found = found(&now, &before, Quality::default());
            // Blocks in the middle: those at the edges see what was outside.
            for y in 2..3 {
                for x in 2..4 {
                    let vector = found.movement.before().at(x, y);
                    assert_eq!(vector, [4 * dx as i16, 4 * dy as i16], "at {x} {y}");
                }
            }
            assert!(found.left < 0.5, "{}", found.left);
        }
    }

    #[test]
    fn another_scene_is_not_explained() {
        let (w, h) = (96, 80);
        let before = Luma::of(&picture(w, h, 0, 0), w, h);
        let now = Luma::of(&picture(w, h, 5000, 3000), w, h);
        let found = found(&now, &before, Quality::default());
        assert!(found.left > 0.6, "{}", found.left);
    }

    #[test]
    fn pictures_smaller_than_a_block_are_searched() {
        for (w, h) in [(1, 1), (3, 70), (17, 2)] {
            let luma = Luma::of(&picture(w, h, 0, 0), w, h);
            assert!(found(&luma, &luma, Quality::MIN).movement.is_still());
        }
    }
}
