//! One router of API and pages.

use std::sync::Arc;

use admin::Admin;
use api::{ApiState, ApiSurface};
use axum::Router;
use pages::{PageSettings, PageState, PageSurface};
use web::{CallerLimits, Guard, Refusals, RequestObserver, RouteLabel, SafeHeaders};

use crate::fallback::Fallback;
use crate::labels::CONSOLE;

/// What API and pages are built from.
pub struct Console {
    /// The use cases, which both share.
    pub admin: Admin,
    /// How much each caller and each account may ask for, of both together.
    pub limits: CallerLimits,
    /// What stands before every route, as the settings give it: empty, or such as `/apps/webhooks`.
    pub base_path: String,
    /// What only the pages need.
    pub pages: PageSettings,
    /// Counts and logs every response.
    pub observer: Arc<dyn RequestObserver>,
}

impl Console {
    /// API and pages below the base path.
    ///
    /// # Panics
    /// When the base path is none that the settings accept.
    pub fn router(self) -> Router {
        let Self {
            admin,
            limits,
            base_path,
            pages,
            observer,
        } = self;
        let refusals = Arc::new(Refusals::new(Arc::clone(&observer)));
        let api_guard = Guard::new(
            Arc::new(ApiSurface),
            SafeHeaders::of_api(&pages.public_url),
            RouteLabel::Template {
                base_path: base_path.as_str().into(),
            },
            Arc::clone(&observer),
            Arc::clone(&refusals),
        );
        let page_guard = Guard::new(
            Arc::new(PageSurface::new(&base_path)),
            SafeHeaders::of_pages(&pages.public_url, &pages.frame_ancestors),
            RouteLabel::Fixed(CONSOLE),
            observer,
            refusals,
        );
        let fallback = Fallback::new(&base_path, &api_guard, &page_guard);
        let api_state = ApiState {
            admin: admin.clone(),
            limits: limits.clone(),
            base_path: base_path.clone(),
        };
        let page_state = PageState::new(admin, limits, base_path, pages);
        api::router(api_state, api_guard)
            .merge(pages::router(page_state, page_guard))
            .fallback(async move |request| fallback.respond(request).await)
    }
}
