//! Numbers that look random, and where they begin.

/// `TRUEUP_SEED`, or one from the clock. It is printed, so that a run can be had again.
pub fn seed() -> u64 {
    let given = std::env::var("TRUEUP_SEED").ok();
    let given = given.map(|text| text.parse().expect("TRUEUP_SEED is a number"));
    let seed = given.unwrap_or_else(|| {
        let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970");
        u64::try_from(now.as_nanos()).expect("before 2554")
    });
    println!("TRUEUP_SEED={seed}");
    seed
}

/// From a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("small") % end
    }

    /// In another order, so that a sweep that is cut short has seen some of everything.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}
