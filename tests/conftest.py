from hypothesis import settings

# A property is not wrong because the machine has other things to do.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")
