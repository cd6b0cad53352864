//! What several pages show: the layout, labels, charts, and the views of more than one controller.

pub(crate) mod chart;
pub(crate) mod checked;
pub(crate) mod condition_rows;
pub(crate) mod curl;
pub(crate) mod found;
mod json_text;
pub(crate) mod labels;
pub(crate) mod layout;
pub(crate) mod log_line;
pub(crate) mod preview_result;
pub(crate) mod secret_box;
mod spark;
pub(crate) mod test_result;
pub(crate) mod text;
pub(crate) mod webhook_fields;
pub(crate) mod webhook_form_page;
pub(crate) mod webhook_page;

pub(crate) use spark::Spark;
