#!/usr/bin/env python3
"""Train the digits network and write its weights as a plain binary file.

The network is trained on one set of handwritten digits in the IDX format.
A part of that set is held out to choose the epoch whose weights are kept.
If test digits are given they are classified once, at the end, and take no
part in any choice.

README.md beside this file describes the network and the weights format.
"""

import argparse
import gzip
import math
import os
import struct
import time
import zlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

MAGIC = b"AADIGIT1"
NAME_SIZE = 16
BATCHNORM_EPS = 1e-5
DROPOUT = 0.25


class DigitsNet(nn.Module):
    """Three convolutions, two dense layers; the second dense layer is
    applied twice with the same weights."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.bn = nn.BatchNorm2d(32, eps=BATCHNORM_EPS)
        self.conv2 = nn.Conv2d(32, 16, 3)
        self.conv3 = nn.Conv2d(16, 10, 3)
        self.dense1 = nn.Linear(90, 10)
        self.dense2 = nn.Linear(10, 10)

    def forward(self, x):
        """Return the logits, N x 10, of images, N x 1 x 28 x 28."""
        x = F.relu(self.conv1(x))                     # 32 x 26 x 26
        x = F.relu(self.bn(x))
        x = F.max_pool2d(x, 2)                        # 32 x 13 x 13
        x = F.dropout(x, DROPOUT, self.training)
        x = F.relu(self.conv2(x))                     # 16 x 11 x 11
        x = F.max_pool2d(x, 2)                        # 16 x 5 x 5
        x = F.dropout(x, DROPOUT, self.training)
        x = F.relu(self.conv3(x))                     # 10 x 3 x 3
        x = torch.flatten(x, 1)                       # 90
        x = self.dense1(x)                            # 10
        x = self.dense2(x)                            # 10
        return self.dense2(x)                         # 10, same weights

    def tensors(self):
        """Return the (name, tensor) pairs of the weights file, in order."""
        return [
            ("conv1.w", self.conv1.weight),
            ("conv1.b", self.conv1.bias),
            ("bn.gamma", self.bn.weight),
            ("bn.beta", self.bn.bias),
            ("bn.mean", self.bn.running_mean),
            ("bn.var", self.bn.running_var),
            ("conv2.w", self.conv2.weight),
            ("conv2.b", self.conv2.bias),
            ("conv3.w", self.conv3.weight),
            ("conv3.b", self.conv3.bias),
            ("dense1.w", self.dense1.weight),
            ("dense1.b", self.dense1.bias),
            ("dense2.w", self.dense2.weight),
            ("dense2.b", self.dense2.bias),
        ]


def read_idx(path):
    """Read an IDX file of unsigned bytes, gzipped if its name ends in .gz."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rb") as file:
        data = file.read()
    if len(data) < 4:
        raise ValueError(f"{path}: too short for an IDX file")
    zero, kind, rank = struct.unpack_from(">HBB", data)
    if zero != 0 or kind != 0x08:
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    start = 4 + 4 * rank
    if len(data) < start:
        raise ValueError(f"{path}: the header is cut short")
    shape = struct.unpack_from(f">{rank}I", data, 4)
    if len(data) - start != math.prod(shape):
        raise ValueError(f"{path}: the length does not fit the header")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def read_digits(images_path, labels_path):
    """Return images (N x 1 x 28 x 28, from 0 to 1) and labels (N)."""
    images = read_idx(images_path)
    labels = read_idx(labels_path)
    if images.ndim != 3 or images.shape[1:] != (28, 28):
        raise ValueError(f"{images_path}: not images of 28 x 28")
    if labels.shape != images.shape[:1]:
        raise ValueError(f"{labels_path}: not one label for each image")
    if labels.size and labels.max() > 9:
        raise ValueError(f"{labels_path}: a label is above 9")
    images = torch.from_numpy(images.astype(np.float32) / np.float32(255))
    return images.unsqueeze(1), torch.from_numpy(labels.astype(np.int64))


def augment(images):
    """Shift, turn, scale and shear each image a little, at random."""
    count = images.shape[0]

    def uniform(limit):
        return (2 * torch.rand(count) - 1) * limit

    angle = uniform(math.radians(12))
    scale_x = 1 + uniform(0.12)
    scale_y = 1 + uniform(0.12)
    shear = uniform(0.15)
    pixel = 2 / 28                  # the image spans -1 to 1
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack([
        torch.stack([cos * scale_x, (shear * cos - sin) * scale_y,
                     uniform(2 * pixel)], 1),
        torch.stack([sin * scale_x, (shear * sin + cos) * scale_y,
                     uniform(2 * pixel)], 1),
    ], 1)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def classify(net, images, batch=500):
    """Return the logits of the images, the network as used after training."""
    net.eval()
    with torch.no_grad():
        return torch.cat([net(part) for part in images.split(batch)])


def score(net, images, labels):
    """Return how many images are classified rightly, and the mean loss."""
    logits = classify(net, images)
    right = (logits.argmax(1) == labels).sum().item()
    return right, F.cross_entropy(logits, labels).item()


def train(net, train_set, held_out, args):
    """Train; leave in net the weights of the best epoch and return it.

    The best epoch has the most held-out digits right; among equals, the
    lowest loss on them.
    """
    images, labels = train_set
    steps = math.ceil(len(labels) / args.batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=args.rate,
                                  weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=args.rate, total_steps=args.epochs * steps)
    best = None
    for epoch in range(1, args.epochs + 1):
        start = time.monotonic()
        net.train()
        total = 0.0
        for index in torch.randperm(len(labels)).split(args.batch):
            loss = F.cross_entropy(net(augment(images[index])), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(index)
        right, held_out_loss = score(net, *held_out)
        print(f"epoch {epoch:3}: loss {total / len(labels):.4f}, "
              f"held out {right}/{len(held_out[1])} right, "
              f"loss {held_out_loss:.4f} "
              f"({time.monotonic() - start:.1f} s)", flush=True)
        if best is None or (right, -held_out_loss) > best[0]:
            state = {name: value.clone()
                     for name, value in net.state_dict().items()}
            best = (right, -held_out_loss), epoch, state
    net.load_state_dict(best[2])
    return best[1]


def write_weights(net, path):
    """Write the weights file."""
    tensors = net.tensors()
    data = bytearray(MAGIC)
    data += struct.pack("<I", len(tensors))
    for name, tensor in tensors:
        values = tensor.detach().numpy().astype("<f4")
        data += name.encode("ascii").ljust(NAME_SIZE, b"\0")
        data += struct.pack(f"<I{values.ndim}I", values.ndim, *values.shape)
        data += values.tobytes(order="C")
    data += struct.pack("<I", zlib.crc32(data))
    with open(path, "wb") as file:
        file.write(data)


def write_probabilities(net, images, path):
    """Write the softmax outputs, a line for each image."""
    with open(path, "w", encoding="ascii", newline="\n") as file:
        for row in F.softmax(classify(net, images), 1).tolist():
            file.write(" ".join(f"{value:.7f}" for value in row) + "\n")


def parse_arguments():
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        description="Train the digits network and write its weights.")
    parser.add_argument("--train-images", required=True, metavar="FILE",
                        help="IDX file, may be gzipped (.gz); so for all")
    parser.add_argument("--train-labels", required=True, metavar="FILE")
    parser.add_argument("--test-images", metavar="FILE",
                        help="digits to classify once, after training")
    parser.add_argument("--test-labels", metavar="FILE")
    parser.add_argument("--out", required=True, metavar="FILE",
                        help="the weights file to write")
    parser.add_argument("--expected", metavar="FILE",
                        help="also write the softmax outputs for the first "
                             "32 test images to this text file")
    parser.add_argument("--epochs", type=int, default=100,
                        help="default: 100")
    parser.add_argument("--batch", type=int, default=64,
                        help="digits in a batch (default: 64)")
    parser.add_argument("--rate", type=float, default=4e-3,
                        help="the highest learning rate (default: 0.004)")
    parser.add_argument("--held-out", type=int, default=1000, metavar="N",
                        help="training digits held out to choose the epoch "
                             "(default: 1000)")
    parser.add_argument("--seed", type=int, default=1,
                        help="default: 1")
    parser.add_argument("--threads", type=int, default=1,
                        help="the result may depend on it (default: 1)")
    args = parser.parse_args()
    if (args.test_images is None) != (args.test_labels is None):
        parser.error("--test-images and --test-labels go together")
    if args.expected is not None and args.test_images is None:
        parser.error("--expected needs --test-images and --test-labels")
    if args.epochs < 1 or args.batch < 2 or args.held_out < 1:
        parser.error("--epochs, --batch or --held-out is too small")
    return args


def main():
    """Train, write the weights, and classify the test digits once."""
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(args.seed)

    images, labels = read_digits(args.train_images, args.train_labels)
    if args.held_out >= len(labels):
        raise SystemExit("--held-out leaves no digits to train on")
    order = torch.randperm(len(labels))
    held_out, rest = order[:args.held_out], order[args.held_out:]

    print(f"torch {torch.__version__}, seed {args.seed}, "
          f"{args.threads} thread(s), {len(rest)} digits to train on")
    net = DigitsNet()
    epoch = train(net, (images[rest], labels[rest]),
                  (images[held_out], labels[held_out]), args)
    print(f"weights of epoch {epoch} kept")
    write_weights(net, args.out)
    print(f"{args.out}: {os.path.getsize(args.out)} bytes")

    if args.test_images is not None:
        images, labels = read_digits(args.test_images, args.test_labels)
        right, loss = score(net, images, labels)
        print(f"test: {right}/{len(labels)} right "
              f"({100 * right / len(labels):.2f} %), loss {loss:.4f}")
        if args.expected is not None:
            write_probabilities(net, images[:32], args.expected)


if __name__ == "__main__":
    main()
