//! What the system promises to CRM services, receivers, administrators and operators, with the real programs.

mod story;
