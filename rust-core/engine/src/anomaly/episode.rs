//! One disturbance is told once: findings become a verdict, and verdicts become episodes.
//!
//! A detector that fires on every tick of a disturbance, and five that fire on the same one, are one piece of
//! news. So findings are weighed and combined, a verdict is an alarm only at [`SCORE_AT_LIMIT`] and more, an
//! episode ends only after a time in which nothing was seen (hysteresis), and a cause that was told does not
//! begin another one soon after (refractory). While an episode goes on it is told again now and then, so that
//! whoever waits after an alarm waits until it is over.
//!
//! Time is whatever the caller counts in: nanoseconds of a market, rows of a series.

use super::cause::{CAUSES, CauseSet};
use super::{Alert, DetectorError, Finding, SCORE_AT_LIMIT, check_range};
use crate::units::TimestampNs;

/// A verdict below this is calm; the rest up to the alarm is to be watched.
pub const WATCH_SCORE: f64 = 0.35;
/// A finding at least this strong supports another one.
const SUPPORT_SCORE: f64 = 0.25;
/// Which share of the remaining doubt a certain second finding takes away. In a busy minute most detectors see
/// a little: with three tenths, what was just short of a limit became an alarm in every fast move.
const SUPPORT_SHARE: f64 = 0.1;

/// How bad it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing beyond what is usual.
    #[default]
    Calm,
    /// Something, but no detector's limit is reached.
    Watch,
    /// Beyond a limit.
    Alarm,
}

impl Severity {
    /// Of a combined score.
    pub fn of(score: f64) -> Self {
        if score >= SCORE_AT_LIMIT {
            Self::Alarm
        } else if score >= WATCH_SCORE {
            Self::Watch
        } else {
            Self::Calm
        }
    }

    /// `calm`, `watch` or `alarm`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Watch => "watch",
            Self::Alarm => "alarm",
        }
    }
}

/// What all detectors together say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Verdict {
    /// How bad it is.
    pub severity: Severity,
    /// Combined score, in [0, 1].
    pub score: f64,
    /// The causes seen in the episode, or just now if there is none.
    pub causes: CauseSet,
    /// When the episode began; zero if there is none.
    pub began_ns: TimestampNs,
    /// The strongest finding just now.
    pub leading: Option<Finding>,
}

/// How findings become episodes. Times are in the caller's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpisodeParameters {
    /// How long a finding counts.
    pub memory: i64,
    /// An episode is over when nothing to be watched was seen for so long.
    pub quiet: i64,
    /// A cause told so recently goes on with its episode instead of beginning another.
    pub refractory: i64,
    /// An episode that goes on is told again after so long; 0: never.
    pub reminder: i64,
}

impl EpisodeParameters {
    fn check(&self) -> Result<(), DetectorError> {
        let times = [
            ("memory", self.memory),
            ("quiet", self.quiet),
            ("refractory", self.refractory),
            ("reminder", self.reminder),
        ];
        times
            .into_iter()
            .try_for_each(|(name, time)| check_range(name, time as f64, 0.0, 1e15))
    }
}

/// An alarm to be told: an episode that begins, or goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Announcement {
    /// When the observation was made that led to it.
    pub at_ns: TimestampNs,
    /// When the episode began; [`Self::at_ns`] for a new one.
    pub began_ns: TimestampNs,
    /// Combined score.
    pub score: f64,
    /// All causes of the episode so far.
    pub causes: CauseSet,
    /// The strongest finding.
    pub leading: Finding,
}

impl Announcement {
    /// The evidence in words, with the other causes of the episode.
    pub fn text(&self) -> String {
        let mut text = self.leading.text();
        let others = self
            .causes
            .iter()
            .filter(|cause| *cause != self.leading.cause);
        for (at, cause) in others.enumerate() {
            text.push_str(if at == 0 { "; with " } else { ", " });
            text.push_str(cause.name());
        }
        text
    }

    /// As an alert.
    pub fn alert(&self) -> Alert {
        Alert {
            event_ns: self.at_ns,
            detector: self.leading.cause.name(),
            score: self.score,
            evidence: self.text(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at: i64,
    /// With its score weighed.
    finding: Finding,
}

#[derive(Debug, Clone, Copy)]
struct Episode {
    began: i64,
    last_watched: i64,
    last_told: i64,
    causes: CauseSet,
}

/// Combines findings and keeps the episode.
#[derive(Debug, Clone)]
pub struct Episodes {
    parameters: EpisodeParameters,
    weights: [f64; CAUSES],
    seen: [Option<Seen>; CAUSES],
    told: [Option<i64>; CAUSES],
    episode: Option<Episode>,
}

impl Episodes {
    /// Nothing seen so far. `weights`, in [0, 1] by cause, multiply the scores: below
    /// [`SCORE_AT_LIMIT`] a cause can support an alarm but not make one.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(
        parameters: EpisodeParameters,
        weights: [f64; CAUSES],
    ) -> Result<Self, DetectorError> {
        parameters.check()?;
        weights
            .iter()
            .try_for_each(|weight| check_range("weight", *weight, 0.0, 1.0))?;
        Ok(Self {
            parameters,
            weights,
            seen: [None; CAUSES],
            told: [None; CAUSES],
            episode: None,
        })
    }

    /// Takes the findings about one observation; gives what is to be told, if it is news.
    #[inline]
    pub fn observe(
        &mut self,
        findings: impl IntoIterator<Item = Option<Finding>>,
        now: i64,
    ) -> Option<Announcement> {
        let mut has_found = false;
        for finding in findings.into_iter().flatten() {
            has_found = true;
            let at = finding.cause.index();
            let score = (finding.score * self.weights[at]).clamp(0.0, 1.0);
            self.seen[at] = Some(Seen {
                at: now,
                finding: Finding { score, ..finding },
            });
        }
        has_found.then(|| self.judge(now)).flatten()
    }

    fn judge(&mut self, now: i64) -> Option<Announcement> {
        self.end_if_quiet(now);
        let (score, causes, leading) = self.combine(now);
        if score < WATCH_SCORE {
            return None;
        }
        if let Some(episode) = &mut self.episode {
            episode.last_watched = episode.last_watched.max(now);
        }
        if score < SCORE_AT_LIMIT {
            return None;
        }
        self.tell(score, causes, leading?, now)
    }

    /// The verdict at a moment.
    pub fn verdict(&self, now: i64) -> Verdict {
        let (score, causes, leading) = self.combine(now);
        let episode = self.episode.filter(|episode| !self.is_quiet(episode, now));
        Verdict {
            severity: Severity::of(score),
            score,
            causes: episode.map_or(causes, |episode| episode.causes),
            began_ns: TimestampNs(episode.map_or(0, |episode| episode.began)),
            leading,
        }
    }

    /// The strongest score and what the others add, the causes that count, and the strongest finding.
    fn combine(&self, now: i64) -> (f64, CauseSet, Option<Finding>) {
        let is_fresh = |seen: &&Seen| now.saturating_sub(seen.at) <= self.parameters.memory;
        let fresh = || {
            self.seen
                .iter()
                .flatten()
                .filter(is_fresh)
                .map(|seen| seen.finding)
        };
        let Some(leading) = fresh().reduce(Finding::stronger) else {
            return (0.0, CauseSet::default(), None);
        };
        let (mut doubt, mut causes) = (1.0 - leading.score, CauseSet::default());
        for finding in fresh().filter(|finding| finding.score >= SUPPORT_SCORE) {
            causes.insert(finding.cause);
            if finding.cause != leading.cause {
                doubt *= 1.0 - SUPPORT_SHARE * finding.score;
            }
        }
        (1.0 - doubt, causes, Some(leading))
    }

    fn tell(
        &mut self,
        score: f64,
        causes: CauseSet,
        leading: Finding,
        now: i64,
    ) -> Option<Announcement> {
        let EpisodeParameters {
            refractory,
            reminder,
            ..
        } = self.parameters;
        let was_told = self.told[leading.cause.index()]
            .is_some_and(|told| now.saturating_sub(told) < refractory);
        let begun = Episode {
            began: now,
            last_watched: now,
            last_told: now,
            causes: CauseSet::default(),
        };
        let is_news = self.episode.map_or(!was_told, |episode| {
            reminder > 0 && now.saturating_sub(episode.last_told) >= reminder
        });
        let episode = self.episode.unwrap_or(begun);
        let episode = self.episode.insert(Episode {
            last_told: if is_news { now } else { episode.last_told },
            causes: episode.causes.union(causes),
            ..episode
        });
        is_news.then(|| {
            self.told[leading.cause.index()] = Some(now);
            Announcement {
                at_ns: TimestampNs(now),
                began_ns: TimestampNs(episode.began),
                score,
                causes: episode.causes,
                leading,
            }
        })
    }

    fn is_quiet(&self, episode: &Episode, now: i64) -> bool {
        now.saturating_sub(episode.last_watched) > self.parameters.quiet
    }

    fn end_if_quiet(&mut self, now: i64) {
        if self
            .episode
            .is_some_and(|episode| self.is_quiet(&episode, now))
        {
            self.episode = None;
        }
    }
}
