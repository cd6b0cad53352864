//! The console as people use it: in Chromium, with real programs behind it.

mod accessibility;
mod form;
mod hostile;
mod keyboard;
mod seed;
mod stage;
mod story;
mod views;
