"""The approaches and what they stand on. Only trainable.py knows Ray.

approach.py       the contract that every approach keeps
contract.py       the laws of approach.py as a check, for whoever writes an approach
approaches/       the approaches, one a file
finding.py        which class a study file means by a name
batches.py        batches of images, augmented and normalised
precision.py      in which precision networks compute
training.py       training by Adam, for all networks
kernels/          support vector machines on matrices of kernel values
data/             data sets as arrays of images, one source a file, and their splits
backbones/        networks to transfer from, their weights and frozen features; weights/ holds the bundled ones
clock.py          metered time: what is charged and what is not
process/          the process in which trials run: its memory, its waits for a CPU
driver.py         the loop of one trial: step, validate, report; it stops the trial at its allowance
checkpoints.py    checkpoints of running trials
spec.py           what a trial is given; knows no Ray
cache.py          what is kept between studies: where it lies, listed, dropped
leftovers.py      files of the cache while they are written, and what killed processes left of them
trainable.py      the adapter to Ray Tune
errors.py         what can be wrong with what the user gave
"""
