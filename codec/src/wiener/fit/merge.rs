//! From the sums of classes to a few filters.

use nalgebra::{Cholesky, SMatrix, SVector};

use super::moments::Moments;
use crate::wiener::{Bank, CLASSES, Filter, LARGEST, MOST, TAPS};

/// What an error of the picture's squares becomes with weights `c`: c'Mc − 2 c'b more.
#[derive(Debug, Clone)]
pub(super) struct Errors {
    squares: SMatrix<f64, TAPS, TAPS>,
    line: SVector<f64, TAPS>,
}

/// Weights are in units of this part.
const UNIT: f64 = 1.0 / 512.0;
/// What the decoder takes of the third plane: 43/64, squared in the products.
const GREEN: f64 = 43.0 / 64.0;

impl Errors {
    /// Of errors p of the sum of the colours, a third is each colour's, and a filter's
    /// output s goes to each: 3 (p / 3 − s)² = p² / 3 − 2 p s + 3 s².
    pub fn of_luma(sums: &Moments) -> Self {
        let (squares, line) = (squares(sums), line(sums));
        Self {
            squares: squares * 3.0,
            line,
        }
    }

    /// Of errors p of 2 (R − B), a filter's output s goes to R and −s to B, that is
    /// p² / 8 − p s + 2 s²; of errors of R − 2 G + B it goes to all, twice and negative to
    /// G: p² / 6 − 2 p s + 6 s².
    pub fn of_chroma(across: &Moments, green: &Moments) -> Self {
        Self {
            squares: squares(across) * 2.0 + squares(green) * (6.0 * GREEN * GREEN),
            line: line(across) * 0.5 + line(green) * GREEN,
        }
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            squares: self.squares + other.squares,
            line: self.line + other.line,
        }
    }

    /// The best filter in whole numbers, and the squared error more that the picture has
    /// with it (less, if all is well) plus what its bits are worth. No filter if none is
    /// better.
    fn solved(&self, lambda: f64) -> (Option<Filter>, f64) {
        // A class that is flat, or hardly there, says nothing of some weights.
        let ridge = 1e-6 * self.squares.trace() / TAPS as f64 + f64::MIN_POSITIVE;
        let sound = self.squares + SMatrix::identity() * ridge;
        let Some(solved) = Cholesky::new(sound).map(|c| c.solve(&self.line)) else {
            return (None, 0.0);
        };
        let mut filter = [0; TAPS];
        for (weight, best) in filter.iter_mut().zip(solved.iter()) {
            let most = f64::from(LARGEST);
            *weight = best.round().clamp(-most, most) as i16;
        }
        let sum: i32 = filter.iter().map(|w| i32::from(w.abs())).sum();
        let weights = SVector::<f64, TAPS>::from_fn(|i, _| filter[i].into());
        let error = weights.dot(&(self.squares * weights)) - 2.0 * weights.dot(&self.line);
        let cost = error + lambda * price(&filter);
        // Not below zero, either, if anything is not a number.
        if sum <= MOST && cost < 0.0 {
            (Some(filter), cost)
        } else {
            (None, 0.0)
        }
    }
}

fn squares(sums: &Moments) -> SMatrix<f64, TAPS, TAPS> {
    // Taps are in fours.
    let scale = 16.0 * UNIT * UNIT;
    SMatrix::from_fn(|i, j| sums.taps[i.max(j)][i.min(j)] as f64 * scale)
}

fn line(sums: &Moments) -> SVector<f64, TAPS> {
    SVector::from_fn(|i, _| sums.with_error[i] as f64 * 4.0 * UNIT)
}

/// About how many bits a filter takes.
fn price(filter: &Filter) -> f64 {
    let bits = |weight: &i16| match weight.unsigned_abs() {
        0 => 1,
        size => 2 * size.ilog2() + 3,
    };
    filter.iter().map(bits).sum::<u32>().into()
}

/// About how many bits it takes to say which filter each class has.
fn price_of_classes(filters: usize) -> f64 {
    let each = [0.0, 1.0, 1.6, 2.0, 2.3, 2.6, 2.8, 3.0];
    5.0 + CLASSES as f64 * each.get(filters).unwrap_or(&3.5)
}

/// Classes that share a filter.
#[derive(Clone)]
struct Group {
    classes: Vec<usize>,
    errors: Errors,
    filter: Option<Filter>,
    cost: f64,
}

impl Group {
    fn new(classes: Vec<usize>, errors: Errors, lambda: f64) -> Self {
        let (filter, cost) = errors.solved(lambda);
        Self {
            classes,
            errors,
            filter,
            cost,
        }
    }

    fn with(&self, other: &Self, lambda: f64) -> Self {
        let classes = [&self.classes[..], &other.classes].concat();
        Self::new(classes, self.errors.plus(&other.errors), lambda)
    }
}

/// The filters for classes with these errors, and what they add to the squared error plus
/// what their bits are worth. From a filter for each class on, the two groups are made
/// one that lose least by it, until there is one; the cheapest of what was seen wins.
pub(super) fn bank(classes: &[Errors], lambda: f64) -> (Bank, f64) {
    let mut groups: Vec<Group> = classes
        .iter()
        .enumerate()
        .filter(|(_, errors)| errors.squares.trace() > 0.0)
        .map(|(class, errors)| Group::new(vec![class], errors.clone(), lambda))
        .collect();
    let mut pairs: Vec<Vec<Group>> = (0..groups.len())
        .map(|i| (0..i).map(|j| groups[i].with(&groups[j], lambda)).collect())
        .collect();
    let (mut best, mut best_cost) = (Vec::new(), 0.0);
    loop {
        let filters = groups.iter().filter(|g| g.filter.is_some()).count();
        let cost: f64 = groups.iter().map(|group| group.cost).sum();
        let cost = cost + lambda * price_of_classes(filters);
        if cost < best_cost {
            (best, best_cost) = (groups.clone(), cost);
        }
        let Some((i, j)) = nearest(&groups, &pairs) else {
            break;
        };
        // `j` is before `i`, so that its number stays.
        let merged = pairs[i].swap_remove(j);
        groups.remove(i);
        groups[j] = merged;
        pairs.remove(i);
        for row in &mut pairs[i..] {
            row.remove(i);
        }
        pairs[j] = (0..j).map(|k| groups[j].with(&groups[k], lambda)).collect();
        for k in j + 1..groups.len() {
            pairs[k][j] = groups[k].with(&groups[j], lambda);
        }
    }
    (bank_of(&best), best_cost)
}

/// The two groups that lose least if they become one, the later first.
fn nearest(groups: &[Group], pairs: &[Vec<Group>]) -> Option<(usize, usize)> {
    let loss = |i: usize, j: usize| pairs[i][j].cost - groups[i].cost - groups[j].cost;
    let all = (0..groups.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    all.min_by(|&a, &b| loss(a.0, a.1).total_cmp(&loss(b.0, b.1)))
}

fn bank_of(groups: &[Group]) -> Bank {
    let mut bank = Bank::default();
    for group in groups {
        let Some(filter) = group.filter else { continue };
        bank.filters.push(filter);
        for &class in &group.classes {
            bank.of_class[class] = bank.filters.len() as u8;
        }
    }
    bank
}
