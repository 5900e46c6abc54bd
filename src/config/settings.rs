//! From the config to what the engine takes: plain numbers.

use sidecart_engine::Settings;
use sidecart_engine::settings::{
    AffinitySettings, CandidateSettings, CatalogSettings, Curated, DedupeSettings, EmbeddingSettings, IndexSettings,
    PopularitySettings, RuleSettings, SessionSettings, SourceSettings, UserSettings,
};

use super::sections::candidates::Source;
use super::{Candidates, Config, Features};

impl Config {
    /// The engine's settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let features = &self.features;
        Settings {
            sessions: sessions(features),
            dedupe: DedupeSettings { window_ms: self.events.dedupe_window.ms(), max_ids: self.events.dedupe_ids },
            affinities: affinities(features),
            popularity: PopularitySettings {
                half_life_ms: features.popularity.half_life.ms(),
                short_half_life_ms: features.popularity.short_half_life.ms(),
            },
            index: IndexSettings {
                max_sessions: features.index.max_sessions,
                max_items: features.index.max_items,
                postings_per_item: features.index.postings_per_item,
            },
            embeddings: EmbeddingSettings {
                max_items: features.embeddings.max_items,
                rehearsals: features.embeddings.rehearsals,
                rate: features.embeddings.rate as f32,
            },
            users: UserSettings {
                max_users: features.users.max_users,
                items_per_user: features.users.items_per_user,
                half_life_ms: features.users.half_life.ms(),
            },
            catalog: CatalogSettings { max_items: self.catalog.max_items, currency: self.catalog.currency },
            candidates: candidates(&self.candidates),
            rules: RuleSettings { require_stock: self.rules.eligibility.stock.require },
            curated: Curated { pairs: self.curated.pairs.clone(), lists: self.curated.lists.clone() },
            batch_rows_per_event: features.affinities.batch_rows_per_event,
        }
    }
}

fn sessions(features: &Features) -> SessionSettings {
    let s = &features.sessions;
    SessionSettings {
        idle_ms: s.idle.ms(),
        max_live: s.max_live,
        max_touches: s.max_touches,
        max_cart_items: s.max_cart_items,
        bot_events_per_minute: s.bot_events_per_minute,
        bot_events_per_visit: s.bot_events_per_visit,
    }
}

fn affinities(features: &Features) -> AffinitySettings {
    let a = &features.affinities;
    AffinitySettings {
        row_len: a.row_len,
        half_life_ms: a.half_life.ms(),
        reach: a.reach,
        gamma: a.gamma as f32,
        backward: a.backward as f32,
        basket_reach: a.basket_reach,
    }
}

fn candidates(c: &Candidates) -> CandidateSettings {
    let s = &c.sources;
    CandidateSettings {
        limit: c.limit,
        context_items: c.context_items,
        neighbours: c.neighbours,
        session_knn: source(&s.session_knn),
        session_knn_whole: source(&s.session_knn_whole),
        viewed_together: source(&s.viewed_together),
        carted_together: source(&s.carted_together),
        bought_together: source(&s.bought_together),
        transitions: source(&s.transitions),
        two_hops: source(&s.two_hops),
        user_history: source(&s.user_history),
        user_taste: source(&s.user_taste),
        own_session: source(&s.own_session),
        complements: source(&s.complements),
        category: source(&s.category),
        newcomers: source(&s.newcomers),
        trending: source(&s.trending),
        curated: source(&s.curated),
    }
}

fn source(source: &Source) -> SourceSettings {
    SourceSettings { weight: source.weight as f32, limit: source.limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_config_is_the_engines_default() {
        assert_eq!(Config::default().settings(), Settings::default());
    }
}
