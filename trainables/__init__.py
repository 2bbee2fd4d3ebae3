"""The approaches and what they stand on. Only trainable.py knows Ray.

approach.py       the contract that every approach keeps
clock.py          metered time: what is charged and what is not
driver.py         the only loop: step, validate, report, stop at the allowance
data.py           data sets as arrays of images, and splits
backbones.py      torchvision networks and their weights
features.py       frozen features, extracted once
sgd.py            one training step for all networks
better_cnn.py  fine_tune.py  feature_svm.py    the approaches, one a file
trainable.py      the adapter to Ray Tune
"""
