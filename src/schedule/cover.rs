//! Sequence covering arrays: a small set of orders of n events in which every three events occur in each of their six
//! orders. Greedy; each chosen order is followed by its reverse (Kuhn et al., "Combinatorial methods for event sequence
//! testing").

/// A deterministic pseudorandom generator: the same seed yields the same numbers.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let even = (u128::from(z ^ (z >> 31)) * n as u128) >> 64;
        usize::try_from(even).unwrap_or_default()
    }

    pub(super) fn shuffled(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<_> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

/// Number of candidates evaluated for each order chosen.
const CANDIDATES: usize = 60;

/// Returns orders of `0..n` that cover all orders of any three elements (of both, if there are only two).
pub(super) fn orders(n: usize, seed: u64) -> Vec<Vec<usize>> {
    if n < 3 {
        let forwards: Vec<_> = (0..n).collect();
        let backwards = forwards.iter().rev().copied().collect();
        return if n < 2 { vec![forwards] } else { vec![forwards, backwards] };
    }
    let mut random = Random::new(seed);
    let mut covered = vec![false; n * n * n];
    let mut left = n * (n - 1) * (n - 2);
    let mut orders: Vec<Vec<usize>> = Vec::new();
    while left > 0 {
        let candidates = (0..CANDIDATES).map(|_| random.shuffled(n));
        let Some(best) = candidates.max_by_key(|order| news(order, n, &covered)) else { break };
        let reverse: Vec<_> = best.iter().rev().copied().collect();
        for order in [best, reverse] {
            let new = news(&order, n, &covered);
            if new > 0 {
                triples(&order, n).for_each(|triple| covered[triple] = true);
                left -= new;
                orders.push(order);
            }
        }
    }
    orders
}

fn news(order: &[usize], n: usize, covered: &[bool]) -> usize {
    triples(order, n).filter(|triple| !covered[*triple]).count()
}

/// Returns the triples that occur in this order, as positions in a table.
fn triples(order: &[usize], n: usize) -> impl Iterator<Item = usize> {
    let later = |from: usize| from + 1..order.len();
    (0..order.len())
        .flat_map(move |i| later(i).flat_map(move |j| later(j).map(move |k| (order[i] * n + order[j]) * n + order[k])))
}
