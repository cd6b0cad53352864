//! Labels as enums, and the metrics that exist once per combination of them.

use std::marker::PhantomData;

use strum::VariantArray;

/// A label whose values are known when the program is built.
pub trait Label: Copy + PartialEq + 'static {
    /// The label's name, such as `outcome`.
    const NAME: &'static str;

    /// Every value there is, in a fixed order, each once.
    fn all() -> impl Iterator<Item = Self>;

    /// The text of this value.
    fn value(self) -> &'static str;
}

/// An enum as a label, with its variants as values.
pub trait EnumLabel: VariantArray + Into<&'static str> + Copy + PartialEq {
    /// The label's name, such as `outcome`.
    const NAME: &'static str;
}

impl<E: EnumLabel> Label for E {
    const NAME: &'static str = <E as EnumLabel>::NAME;

    fn all() -> impl Iterator<Item = Self> {
        E::VARIANTS.iter().copied()
    }

    fn value(self) -> &'static str {
        self.into()
    }
}

/// The labels of one metric: a [`Label`], or two or three of them as a tuple.
pub trait Labels: Copy {
    /// The labels' names.
    fn names() -> Vec<&'static str>;

    /// Every combination, each as its values in the order of [`Labels::names`].
    fn combinations() -> Vec<Vec<&'static str>>;

    /// Where this combination stands among [`Labels::combinations`].
    fn index(self) -> usize;
}

impl<A: Label> Labels for A {
    fn names() -> Vec<&'static str> {
        vec![A::NAME]
    }

    fn combinations() -> Vec<Vec<&'static str>> {
        A::all().map(|label| vec![label.value()]).collect()
    }

    fn index(self) -> usize {
        A::all()
            .position(|label| label == self)
            .expect("Label::all gives every value")
    }
}

impl<A: Label, B: Label> Labels for (A, B) {
    fn names() -> Vec<&'static str> {
        vec![A::NAME, B::NAME]
    }

    fn combinations() -> Vec<Vec<&'static str>> {
        product(A::combinations(), &B::combinations())
    }

    fn index(self) -> usize {
        self.0.index() * B::all().count() + self.1.index()
    }
}

impl<A: Label, B: Label, C: Label> Labels for (A, B, C) {
    fn names() -> Vec<&'static str> {
        vec![A::NAME, B::NAME, C::NAME]
    }

    fn combinations() -> Vec<Vec<&'static str>> {
        product(<(A, B)>::combinations(), &C::combinations())
    }

    fn index(self) -> usize {
        (self.0, self.1).index() * C::all().count() + self.2.index()
    }
}

/// Each of `left` followed by each of `right`; the last varies fastest, as [`Labels::index`] counts.
fn product(left: Vec<Vec<&'static str>>, right: &[Vec<&'static str>]) -> Vec<Vec<&'static str>> {
    left.iter()
        .flat_map(|head| right.iter().map(move |tail| [head.as_slice(), tail].concat()))
        .collect()
}

/// One metric for each combination of its labels, all of them present from the start.
#[derive(Clone, Debug)]
pub struct Family<L, M> {
    metrics: Vec<M>,
    labels: PhantomData<fn(L)>,
}

impl<L: Labels, M> Family<L, M> {
    pub(super) fn of(metric: impl Fn(&[&'static str]) -> M) -> Self {
        let metrics = L::combinations().iter().map(|values| metric(values)).collect();
        Self {
            metrics,
            labels: PhantomData,
        }
    }

    /// The metric of one combination: an array access, cheap enough for the hot path.
    pub fn with(&self, labels: L) -> &M {
        &self.metrics[labels.index()]
    }
}
