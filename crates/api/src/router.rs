//! The router, made from the list of operations.

use axum::Router;
use axum::middleware::from_fn_with_state;
use web::{Failure, Guard, guard};

use crate::operation::Operation;
use crate::operations::operations;
use crate::state::ApiState;

/// Every operation below `state.base_path`, each surrounded by `surroundings`.
///
/// # Panics
/// When the base path is none that the settings accept.
pub fn router(state: ApiState, surroundings: Guard) -> Router {
    let with_sender = surroundings.waiting_for_sender(state.admin.test_sending.timeout());
    let (waiting, ordinary): (Vec<_>, Vec<_>) = operations().into_iter().partition(Operation::waits_for_sender);
    let ordinary = routes(ordinary, &state).layer(from_fn_with_state(surroundings, guard));
    let waiting = routes(waiting, &state).layer(from_fn_with_state(with_sender, guard));
    ordinary.merge(waiting)
}

fn routes(operations: Vec<Operation>, state: &ApiState) -> Router {
    let mut router = Router::new();
    for operation in operations {
        let path = format!("{}{}", state.base_path, operation.path());
        router = router.route(&path, operation.into_handlers());
    }
    router
        .method_not_allowed_fallback(async || Failure::MethodNotAllowed)
        .with_state(state.clone())
}
