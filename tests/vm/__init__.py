"""Tests on a real kernel: a blank Debian machine is made a box by ``install.sh``, used, robbed of power and card,
upgraded, given up; the kernel's trace of the relays' lines is the judge.

==========  ============================================================================================================
build.sh    makes the image, once, and the stick that goes with it; ``image`` keeps them outside the checkout and says
            why a machine cannot have one
machine     QEMU: boots, runs commands, pulls the plug
guest/      what runs in there: the simulated GPIO chip, the finger, the bare loop that the agent is measured against;
            a USB camera and a microphone that come and go, frames for the camera, a storm of udev's events
trace       what the kernel wrote down about the lines: the judge
box         the machine as a box: set up as a technician would, room files, the service, the broker
desk        a technician's, at that broker: pushes configs, hears what becomes of them
centre      the recorder's, at that broker: shows what of the history is lost
==========  ============================================================================================================

One machine for all, in the files' order: ``test_a_blank_machine`` uses it first, ``test_without_us`` last.
"""
