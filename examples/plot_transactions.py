"""
===========================================================
Fraud in payments: from the first fit to the monthly update
===========================================================

A table of payments has amounts, categories and dates, and nobody has marked the frauds. This
example encodes it, finds the payments to look into, says what is odd about them, and updates the
detector every month, as prices rise.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from skae import AutoencoderOutlierDetector, ShiftedSamplesWarning
from skae.plotting import FeatureScoreDisplay, ReconstructionErrorDisplay

# %%
# The payments of a month
# -----------------------
#
# Amounts and hours depend on the shop. One payment in a hundred is a fraud: it costs far more than
# is usual in such a shop, or is made at night, or both. From month to month people shop later, and
# spend more.

SHOPS = {"groceries": (3.2, 11), "fuel": (4.0, 9), "restaurant": (3.5, 19), "online": (3.8, 20)}


def payments_of(month, rng, n=4000):
    """Return the payments of a month as a frame, and which of them are frauds."""
    shop = rng.choice(list(SHOPS), n, p=[0.4, 0.2, 0.2, 0.2])
    level, usual_hour = np.array([SHOPS[name] for name in shop]).T
    fraud = rng.random(n) < 0.01
    at_night = fraud & (rng.random(n) < 0.7)
    excess = np.where(fraud, rng.uniform(1.0, 2.5, n), 0)
    amount = np.exp(level + 0.4 * rng.normal(size=n) + 0.1 * month + excess)
    hour = np.where(at_night, rng.uniform(1, 5, n), usual_hour + rng.normal(size=n) + 0.2 * month)
    day = pd.Timestamp("2026-01-01") + pd.DateOffset(months=month)
    time = day + pd.to_timedelta(24 * rng.integers(0, 28, n) + hour, unit="h")
    frame = pd.DataFrame({"amount": amount.round(2), "shop": shop, "time": time.floor("s")})
    return frame, fraud


rng = np.random.default_rng(0)
months = [payments_of(month, rng) for month in range(6)]
(january, january_fraud), (february, february_fraud) = months[:2]
print(january.head(3).to_string())

# %%
# Encode and fit
# --------------
#
# Amounts have a long tail, so the detector reads their logarithms. Shops are encoded one-hot. Of
# the time, the hour matters; the day begins at 6:00, so that midnight does not cut the evening in
# two.


def hours(times):
    """Return the hours since 6:00."""
    return times.apply(lambda time: (time.dt.hour + time.dt.minute / 60 - 6) % 24)


encoder = make_column_transformer(
    (FunctionTransformer(np.log), ["amount"]),
    (OneHotEncoder(sparse_output=False, handle_unknown="ignore"), ["shop"]),
    (FunctionTransformer(hours), ["time"]),
    verbose_feature_names_out=False,
).set_output(transform="pandas")
pipeline = make_pipeline(encoder, AutoencoderOutlierDetector(random_state=0)).fit(january)

# %%
# The frauds of January are among the training samples. Distant samples count less in training, so
# the order of the scores is right, but the threshold and the p-values take them for normal. The
# first thing to do is therefore to look into the oddest payments of January, say a hundred, and to
# fit again without those that are frauds.

oddest = np.argsort(pipeline.score_samples(january))[:100]
confirmed = np.zeros(len(january), bool)
confirmed[oddest] = january_fraud[oddest]
print(f"{confirmed.sum()} of {january_fraud.sum()} frauds are among the 100 oddest payments")
pipeline.fit(january[~confirmed])

# %%
# Score the next month
# --------------------
#
# `predict` flags one in twenty *normal* payments besides the frauds: some two hundred false alarms
# a month. That is fine where an alarm costs little, such as a question for a second factor. For a
# desk that rings customers up, `select` makes a list: of the payments on it, at most one in ten is
# normal, on average. The Pipeline has no `select`, so its last step gets what the steps before it
# put out.

detector = pipeline[-1]
encoded = pipeline[:-1].transform(february)
reports = {"predict": pipeline.predict(february) == -1}
reports["select, fdr=0.1"] = detector.select(encoded, fdr=0.1)
for name, reported in reports.items():
    n_found = np.sum(reported & february_fraud)
    print(f"{name:16} {reported.sum():4} payments, {n_found} of {february_fraud.sum()} frauds")

truth = np.where(february_fraud, -1, 1)
display = ReconstructionErrorDisplay.from_estimator(pipeline, february, truth)
display.ax_.set_title("Nearly all frauds lie beyond the threshold")

# %%
# What is odd about a payment
# ---------------------------
#
# `explain` names the features to ask about, and the value to expect given the others: the logarithm
# of an amount, the hours since 6:00. The columns of the shop are one feature.

groups = {"shop": [name for name in encoded.columns if name.startswith("shop")]}
reported = np.flatnonzero(reports["select, fdr=0.1"])
row = reported[:1]
print(february.iloc[row].to_string())
print(detector.explain(encoded.iloc[row], groups=groups).to_string(index=False))

display = FeatureScoreDisplay.from_estimator(detector, encoded.iloc[row], groups=groups)
culprit = display.feature_names[display.order[0]]
display.ax_.set_title(f"What is odd about this payment is above all its {culprit}")

# %%
# Update every month
# ------------------
#
# As habits change, a detector of January raises more and more false alarms; `predict` warns of it
# (`ShiftedSamplesWarning`, silenced here). So update it every month by `partial_fit`, without the
# payments that turned out to be frauds. To forget old months altogether, fit to the last ones anew.

updated = AutoencoderOutlierDetector(random_state=0).fit(encoder.transform(january[~confirmed]))
alarms = {"never": [], "every month": []}
for payments, fraud in months[1:]:
    encoded = encoder.transform(payments)
    for name, model in {"never": detector, "every month": updated}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ShiftedSamplesWarning)
            alarms[name].append(np.mean(model.predict(encoded[~fraud]) == -1))
    updated.partial_fit(encoded[~fraud])

fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
names = ["February", "March", "April", "May", "June"]
for (name, shares), style in zip(alarms.items(), ["--", "-"]):
    ax.plot(names, 100 * np.array(shares), "C0", linestyle=style, marker="o", label=name)
    print(f"updated {name:12} {shares[-1]:.1%} of the normal payments of June are flagged")
ax.axhline(5, color=plt.rcParams["text.color"], linestyle=":", linewidth=1, label="nominal rate")
ax.set(ylabel="flagged normal payments (%)", ylim=(0, None))
ax.legend(title="updated")
ax.set_title("Only a detector that is updated keeps its rate of false alarms")
plt.show()

# sphinx_gallery_thumbnail_number = 3
