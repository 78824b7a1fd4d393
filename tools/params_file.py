from tools.command import set_params as set_params
