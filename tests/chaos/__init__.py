"""`./dev chaos`: real processes under load that die, hang and lie, and the promises after each.

`parts` of the fault tests starts and stops the processes; here are the `load` on them, the
`faults`, what must hold after each (`promises`), and bugs to show that they are found (`planted`).
"""
