//! The causes that detectors name, and the names of the numbers they give as evidence.

/// What an anomaly is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Cause {
    /// The return of one second lies far from the others.
    ReturnOutlier,
    /// A value lies far from the window's median.
    RobustZ,
    /// A value lies far from the moving average.
    EwmaZ,
    /// The mean has drifted away.
    Cusum,
    /// The mean has changed since it was last lowest or highest.
    PageHinkley,
    /// The values come from another distribution than before.
    ChangePoint,
    /// The spread has widened far beyond its own usual width.
    SpreadCollapse,
    /// The size near the touch has gone.
    DepthCollapse,
    /// A flood of changes that are soon taken back.
    QuoteStuffing,
    /// A large level near the touch withdrawn untraded after executions on the other side.
    Layering,
    /// One-sided trades that moved the price, and a reversal.
    MomentumIgnition,
    /// Far more trades at a level than it ever showed.
    Iceberg,
    /// The price differs from another venue's.
    VenueDivergence,
    /// The price differs from its peg.
    Depeg,
    /// Far more trading than usual, on one side.
    TradeBurst,
    /// Equal sizes traded back and forth at one price.
    WashPrints,
    /// Order flow on one side only.
    OneSidedFlow,
    /// The difference from the value before lies far from the others.
    Jump,
    /// Differences come from another distribution than before.
    VolatilityChange,
}

/// How many causes there are.
pub const CAUSES: usize = 19;

/// Name, title, names of the evidence.
type Description = (&'static str, &'static str, [&'static str; 3]);

/// In the order of the causes' numbers.
const DESCRIPTIONS: [Description; CAUSES] = [
    (
        "return_robust_z",
        "1 s return",
        ["return_bp", "robust_z", "move_ticks"],
    ),
    (
        "robust_z",
        "far from the median",
        ["value", "median", "robust_z"],
    ),
    (
        "ewma_z",
        "far from the moving average",
        ["value", "mean", "z"],
    ),
    (
        "cusum",
        "drift of the mean",
        ["value", "mean", "cusum_deviations"],
    ),
    (
        "page_hinkley",
        "change of the mean",
        ["value", "mean", "sum_deviations"],
    ),
    (
        "change_point",
        "another distribution",
        ["value", "probability", "run_length"],
    ),
    (
        "spread_collapse",
        "wide spread",
        ["spread_bp", "usual_bp", "held_ms"],
    ),
    (
        "depth_collapse",
        "thin book",
        ["depth_lots", "usual_lots", "held_ms"],
    ),
    (
        "quote_stuffing",
        "flood of quotes",
        ["messages_per_s", "usual_per_s", "messages_per_change"],
    ),
    (
        "layering",
        "large level withdrawn untraded",
        ["size_lots", "usual_lots", "distance_bp"],
    ),
    (
        "momentum_ignition",
        "one-sided run and reversal",
        ["run_bp", "retraced_share", "one_sided_share"],
    ),
    (
        "iceberg",
        "more traded than shown",
        ["times_shown", "shown_lots", "traded_lots"],
    ),
    (
        "venue_divergence",
        "price differs from another venue's",
        ["gap_bp", "usual_gap_bp", "held_ms"],
    ),
    (
        "depeg",
        "price differs from its peg",
        ["gap_bp", "allowed_bp", "held_ms"],
    ),
    (
        "trade_burst",
        "burst of trades",
        ["volume_ratio", "trade_ratio", "one_sided_share"],
    ),
    (
        "wash_prints",
        "equal sizes back and forth",
        ["size_lots", "prints", "net_share"],
    ),
    (
        "one_sided_flow",
        "flow on one side",
        ["flow", "mean", "sum_deviations"],
    ),
    (
        "jump",
        "jump from the value before",
        ["difference", "usual", "z"],
    ),
    (
        "volatility_change",
        "differences of another size",
        ["difference", "probability", "run_length"],
    ),
];

impl Cause {
    /// Every cause, in the order of their numbers.
    pub const ALL: [Self; CAUSES] = [
        Self::ReturnOutlier,
        Self::RobustZ,
        Self::EwmaZ,
        Self::Cusum,
        Self::PageHinkley,
        Self::ChangePoint,
        Self::SpreadCollapse,
        Self::DepthCollapse,
        Self::QuoteStuffing,
        Self::Layering,
        Self::MomentumIgnition,
        Self::Iceberg,
        Self::VenueDivergence,
        Self::Depeg,
        Self::TradeBurst,
        Self::WashPrints,
        Self::OneSidedFlow,
        Self::Jump,
        Self::VolatilityChange,
    ];

    /// The cause's number, below [`CAUSES`].
    #[inline]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The name in alerts.
    pub fn name(self) -> &'static str {
        self.description().0
    }

    /// A few words for people.
    pub fn title(self) -> &'static str {
        self.description().1
    }

    /// Names of the evidence, units last.
    pub fn evidence_names(self) -> [&'static str; 3] {
        self.description().2
    }

    fn description(self) -> Description {
        DESCRIPTIONS[self.index()]
    }
}

/// A set of causes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CauseSet(u32);

impl CauseSet {
    /// Puts a cause into the set.
    #[inline]
    pub fn insert(&mut self, cause: Cause) {
        self.0 |= 1 << cause.index();
    }

    /// True if the cause is in the set.
    #[inline]
    pub fn contains(self, cause: Cause) -> bool {
        self.0 & (1 << cause.index()) != 0
    }

    /// All causes of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if no cause is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many causes there are in the set.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The causes, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Cause> {
        Cause::ALL
            .into_iter()
            .filter(move |cause| self.contains(*cause))
    }
}
