"""Tests on a real kernel: the agent under its own unit file, in a small Debian machine, judged by the kernel's trace.

==========  ============================================================================================================
build.sh    makes the image, once; ``image`` keeps it outside the checkout and says why a machine cannot have one
machine     QEMU: boots, runs commands, pulls the plug
guest/      what runs in there: the simulated GPIO chip, the finger, the bare loop that the agent is measured against;
            a USB camera and a microphone that come and go, frames for the camera, a storm of udev's events
trace       what the kernel wrote down about the lines: the judge
box         the machine as a box with diemcau on it: releases, room files, the service, the broker
desk        a technician's, at that broker: pushes configs, hears what becomes of them
==========  ============================================================================================================
"""
