"""Wires and device nodes: the adapters behind the ports of ``agent.core.ports``.

=============  ============================  =====================================
port           on a box                      in simulation
=============  ============================  =====================================
pin factory    ``hw.lines``                  gpiozero's ``MockFactory``
``Relays``     ``hw.relays``                 the same, on the mock pins
button         ``hw.button``                 the same, on the mock pins
``Led``        ``hw.led``                    the same, on the mock pins
USB watch      ``hw.usb_watch``              ``hw.simulated.usb_bus``
``Eye``        ``hw.eye.client``             the same; the process draws its frames
probes         ``hw.probes``                 the same (probes are real)
``Host``       ``hw.host``                   the same (the box is real)
=============  ============================  =====================================
"""
